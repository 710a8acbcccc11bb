"""What the server bears: sizes, numbers and times, chosen once at start."""

from dataclasses import dataclass
from pathlib import Path

from glyphd.api.forms import FORM_ENVELOPE_BYTES
from glyphd.settings import MIB, Settings

# Up to here a body stays in memory and is nobody's concern; beyond, it is an upload and spooled to disk.
SMALL_BODY_BYTES = 256 * 1024


@dataclass(frozen=True)
class ServerLimits:
    """Where to listen and how much to take; sizes are bytes, durations seconds.

    `max_json_bytes` is for JSON bodies, which are held in memory; None: like any other. `min_body_rate` is bytes per
    second over the whole of a body, looked at once it has been under way for `idle_timeout`; `linger_timeout` is how
    long a client may go on sending after its last answer. An answer has to be read at `min_read_rate`, and fast enough
    to be sent within `longest_answer_seconds`.
    """

    host: str
    port: int
    threads: int
    max_body_bytes: int
    scratch_dir: Path
    grace_seconds: float
    max_json_bytes: int | None = None
    max_uploads_in_flight: int = 64
    header_timeout: float = 10
    idle_timeout: float = 30
    min_body_rate: int = 1024
    linger_timeout: float = 5
    min_read_rate: int = 4096
    longest_answer_seconds: float = 7200
    disk_reserve_bytes: int = 128 * MIB

    @classmethod
    def from_settings(cls, settings: Settings) -> "ServerLimits":
        return cls(
            host=settings.host,
            port=settings.port,
            threads=settings.threads,
            max_body_bytes=settings.max_upload_bytes,
            scratch_dir=settings.scratch_dir,
            grace_seconds=settings.grace_seconds,
            max_json_bytes=settings.max_json_bytes,
            max_uploads_in_flight=settings.max_uploads_in_flight,
            disk_reserve_bytes=settings.disk_reserve_bytes,
        )

    def largest_body(self, content_type: str) -> int:
        """The most bytes a body of this type may have."""
        if content_type.lower().startswith("multipart/"):
            return self.max_body_bytes + FORM_ENVELOPE_BYTES
        if self.max_json_bytes is not None and is_json(content_type):
            return self.max_json_bytes
        return self.max_body_bytes


def is_json(content_type: str) -> bool:
    return content_type.lower().startswith("application/json")
