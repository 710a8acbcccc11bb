"""The maximum size of a body by its type: for our server before it is received, and for the API
behind any other server."""

from dataclasses import dataclass

from glyphd.request_errors import TooLarge
from glyphd.settings import Settings

FORM_ENVELOPE_BYTES = 64 * 1024
"""A form can be larger than its file by this much: part headers, boundaries and option fields."""


def is_json(content_type: str) -> bool:
    """Whether a body of this type is held in memory as a whole."""
    return content_type.lower().startswith("application/json")


@dataclass(frozen=True)
class BodyLimits:
    """Sizes in bytes. JSON is held in memory, so it has a separate limit."""

    max_upload_bytes: int
    max_json_bytes: int

    @classmethod
    def from_settings(cls, settings: Settings) -> "BodyLimits":
        return cls(settings.max_upload_bytes, settings.max_json_bytes)

    def require_size(self, content_type: str, size: int) -> None:
        """Raises TooLarge if a body of this type may not have this many bytes."""
        limit = self.max_upload_bytes
        if content_type.lower().startswith("multipart/"):
            limit += FORM_ENVELOPE_BYTES
        elif is_json(content_type):
            limit = self.max_json_bytes
        if size <= limit:
            return
        if is_json(content_type):
            what = f"a JSON body may have at most {limit} bytes"
            raise TooLarge(f"{what}; send a larger file as a raw text/csv body", limit=limit)
        raise self.upload_too_large()

    def upload_too_large(self) -> TooLarge:
        """The failure for a file over the limit, alone or in a form."""
        limit = self.max_upload_bytes
        return TooLarge(f"an upload may have at most {limit} bytes", limit=limit)
