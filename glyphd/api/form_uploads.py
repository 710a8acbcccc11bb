"""A form with several files: each becomes a separate import."""

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial

from multipart import parse_options_header

from glyphd.api.arriving import Arriving, Body
from glyphd.api.body_limits import BodyLimits
from glyphd.api.forms import MULTIPART, receive_form
from glyphd.api.import_log import import_line
from glyphd.api.request_headers import header
from glyphd.api.upload_routes import require_room, understood
from glyphd.errors import GlyphdError
from glyphd.importing.intake import Accepted
from glyphd.request_errors import UnsupportedType
from glyphd.services import Services
from glyphd.uploads import Receiving

MAX_FORM_PARTS = 128
"""The maximum number of files and fields together."""


@dataclass(frozen=True)
class SentFile:
    """A file of a form: its import, or why it was refused."""

    filename: str | None
    accepted: Accepted | None = None
    failure: GlyphdError | None = None


@dataclass(frozen=True)
class SentForm:
    """The fields of a form and its files. An empty file input is not a file."""

    fields: list[tuple[str, str]]
    files: list[SentFile]


def accept_form(services: Services) -> SentForm:
    """Each file of a form becomes a separate import, with the same options; a refused file does not
    stop the others.

    Raises errors of the form as a whole; then no file is accepted.
    """
    with ExitStack() as stack:

        def places() -> Iterator[Arriving]:
            while True:
                receiving = stack.enter_context(services.uploads.receive())
                yield Arriving(receiving, partial(_glance, services, receiving))

        content_type, options = parse_options_header(header("Content-Type"))
        if content_type != MULTIPART:
            raise UnsupportedType(f"files are sent as {MULTIPART}", offered=[MULTIPART])
        limits = BodyLimits.from_settings(services.settings)
        form = receive_form(options.get("boundary", ""), limits, places(), MAX_FORM_PARTS)
        sent = [file for file in form.files if file.filename or file.arriving.receiving.size]
        bodies = [(file.arriving.receiving, form.body_of(file)) for file in sent]
        return SentForm(form.fields(), [_accept_file(services, *body) for body in bodies])


def _glance(services: Services, receiving: Receiving, body: Body, is_complete: bool) -> None:
    """Checks the file while it arrives, so that its digest can begin early. Refused files are
    reported with their names when the form is complete."""
    with suppress(GlyphdError):
        services.intake.look(receiving, *understood(body), is_complete=is_complete)


def _accept_file(services: Services, receiving: Receiving, body: Body) -> SentFile:
    filename = body.described.filename
    try:
        with import_line() as line:
            line.filename = filename
            require_room(services)
            accepted = line.accepted = services.intake.accept(receiving, *understood(body))
    except GlyphdError as failure:
        return SentFile(filename, failure=failure)
    return SentFile(filename, accepted)
