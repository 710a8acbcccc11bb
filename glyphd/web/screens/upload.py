"""`/upload`: upload files, to be checked first or imported immediately."""

from collections.abc import Iterable, Sequence
from typing import Any

from bottle import HTTPResponse
from pydantic import Field

from glyphd.api.form_uploads import SentFile, SentForm, accept_form
from glyphd.api.needs import SEND
from glyphd.api.problems import status_of
from glyphd.api.routes import Route
from glyphd.api.upload_routes import SMALL_GRACE_SECONDS, require_room
from glyphd.api.waiting import Waiting
from glyphd.contracts.import_options import ImportOptions
from glyphd.contracts.parameter_reading import read_parameters
from glyphd.contracts.queries import QueryTime
from glyphd.errors import FileRefused
from glyphd.services import Services
from glyphd.times import now_text
from glyphd.web.addresses import Pairs
from glyphd.web.known_sources import known_sources
from glyphd.web.theme import Theme, here, moved_to

MOST_SOURCES = 100
USUAL_ENCODINGS = ("utf-8", "cp1252", "iso-8859-1", "iso-8859-15", "cp1250", "cp1251", "mac-roman")
"""The suggestions of the field for the encoding; others can be entered."""
OPTIONS: dict[str, str | None] = dict.fromkeys(ImportOptions.model_fields)
"""The fields of the form, empty."""


class UploadPageQuery(ImportOptions):
    """The initial state of the form."""

    as_of: QueryTime | None = Field(
        None, description="Kept for the links of the page: a file is always sent now"
    )


class UploadScreen:
    def __init__(self, services: Services, theme: Theme, waiting: Waiting) -> None:
        self._services = services
        self._theme = theme
        self._waiting = waiting

    def routes(self) -> list[Route]:
        return [Route("GET", "/upload", self.show, SEND), Route("POST", "/upload", self.send, SEND)]

    def show(self) -> HTTPResponse:
        read_parameters(UploadPageQuery, here().pairs)
        return self._theme.page("upload.html", self._form(here().pairs))

    def send(self) -> HTTPResponse:
        """Redirects to the import, or to the list of imports; if a file was refused, shows the form
        again and the reason."""
        require_room(self._services)
        began_at = now_text()
        sent = accept_form(self._services)
        if not sent.files:
            sent = SentForm(
                sent.fields, [SentFile(None, failure=FileRefused("no file was chosen"))]
            )
        refused = [file.failure for file in sent.files if file.failure]
        if refused:
            values = self._form([*sent.fields, *_suggested(sent.files)]) | {"sent": sent.files}
            return self._theme.page("upload.html", values, status=status_of(refused[0]))
        accepted = [file.accepted.job for file in sent.files if file.accepted]
        if len(accepted) > 1:
            return moved_to("/imports", [("received_after", began_at)])
        self._waiting.until_final(accepted[0], SMALL_GRACE_SECONDS)
        return moved_to(f"/imports/{accepted[0].import_id}", [])

    def _form(self, pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
        """The form with the initial values of its fields."""
        registry = self._services.registry
        with registry.connected():
            sources = known_sources(registry.database, MOST_SOURCES)
        return {
            "sources": sources,
            "encodings": USUAL_ENCODINGS,
            "given": OPTIONS | dict(pairs),
            "maps": _maps(list(pairs)),
            "most_bytes": self._services.settings.max_upload_bytes,
            "sent": [],
        }


def _suggested(files: Sequence[SentFile]) -> Pairs:
    """The options with which the only file's header seems to be found."""
    failure = files[0].failure if len(files) == 1 else None
    return [*failure.members.get("suggested", {}).items()] if failure else []


def _maps(pairs: Pairs) -> list[tuple[str, str, str]]:
    """The chosen columns: the value to send, the canonical name and the file's name."""
    chosen = [value for name, value in pairs if name == "map" and ":" in value]
    return [(value, *value.split(":", 1)) for value in chosen]  # type: ignore[misc]
