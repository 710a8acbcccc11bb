"""Parses a form as it streams in: its files go into the upload store one after another, its fields
stay in memory."""

import codecs
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from multipart import (
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
    parse_options_header,
)

from glyphd.api.arriving import Arriving, Body
from glyphd.api.body_blocks import body_blocks
from glyphd.api.body_limits import BodyLimits
from glyphd.api.dispositions import charset_of, filename_of, require_plain_transfer
from glyphd.errors import FileRefused
from glyphd.importing.intake import GZIP, Described
from glyphd.request_errors import MalformedBody, TooLarge
from glyphd.settings import Settings

MULTIPART = "multipart/form-data"
GZIP_TYPES = ("application/gzip", "application/x-gzip")
FILE_FIELD = "file"
MAX_PARTS = 32
MAX_FIELD_BYTES = 16 * 1024

NextFile = Callable[[], Arriving]
"""Receives the next file of a form. Raises FileRefused if no more are allowed."""


def receive_form(
    boundary: str, settings: Settings, next_file: NextFile, most_parts: int = MAX_PARTS
) -> "Form":
    """Streams the form of this request. Raises MalformedBody, TooLarge, and what `next_file`
    raises."""
    if not boundary:
        raise MalformedBody("multipart/form-data without a boundary")
    form, limits = Form(next_file), BodyLimits.from_settings(settings)
    try:
        with PushMultipartParser(boundary, max_segment_count=most_parts) as parser:
            for block in body_blocks(partial(limits.require_size, MULTIPART)):
                for event in parser.parse(block):
                    form.take(event)
                if form.largest_size > limits.max_upload_bytes:
                    raise limits.upload_too_large()
    except ParserLimitReached as error:
        raise TooLarge(f"the form is too large: {error}") from None
    except MultipartError as error:
        raise MalformedBody(f"the form can't be parsed: {error}") from None
    return form


def only_file(arriving: Arriving) -> NextFile:
    """For a form with one file."""
    left = [arriving]

    def next_file() -> Arriving:
        if not left:
            raise FileRefused("the form has two parts named file")
        return left.pop()

    return next_file


@dataclass(frozen=True)
class _FormFile:
    arriving: Arriving
    filename: str | None
    content_type: str
    charset: str | None

    def body(self, fields: list[tuple[str, str]]) -> Body:
        is_packed = self.content_type in GZIP_TYPES or (self.filename or "").lower().endswith(".gz")
        described = Described(self.filename, "text/csv", GZIP if is_packed else None)
        return Body(described, fields, charset=self.charset)


class Form:
    """The parts of a form, one after another."""

    def __init__(self, next_file: NextFile) -> None:
        self._next_file = next_file
        self._files: list[_FormFile] = []
        self._fields: list[tuple[str, bytearray]] = []
        self._is_file = False

    @property
    def largest_size(self) -> int:
        return max((file.arriving.size for file in self._files), default=0)

    def take(self, event: MultipartSegment | bytes | bytearray | None) -> None:
        """A part's header, some of its bytes, or (None) its end."""
        if isinstance(event, MultipartSegment):
            self._start(event)
        elif event and self._is_file:
            file = self._files[-1]
            file.arriving.add(event)
            file.arriving.look_once(lambda: file.body(self.fields()), is_complete=False)
        elif event:
            name, value = self._fields[-1]
            value += event
            if len(value) > MAX_FIELD_BYTES:
                raise TooLarge(
                    f"the form field {name[:50]!r} is larger than {MAX_FIELD_BYTES} bytes"
                )

    def fields(self) -> list[tuple[str, str]]:
        return [(name, decoded(name, value)) for name, value in self._fields]

    def bodies(self) -> list[Body]:
        """One for each file."""
        fields = self.fields()
        return [file.body(fields) for file in self._files]

    def body(self) -> Body:
        """The only file. Raises FileRefused if there is none."""
        if not self._files:
            found = [name for name, _ in self._fields]
            raise FileRefused(
                f"the form has no part named file; found: {', '.join(found) or 'nothing'}",
                found=found,
            )
        return self.bodies()[0]

    def _start(self, segment: MultipartSegment) -> None:
        require_plain_transfer(segment.header("Content-Transfer-Encoding", ""))
        self._is_file = segment.name == FILE_FIELD
        if not self._is_file:
            self._fields.append((segment.name or "", bytearray()))
            return
        _, options = parse_options_header(segment.header("Content-Type", ""))
        disposition = segment.header("Content-Disposition", "")
        filename = (
            filename_of(disposition) if "filename*" in disposition.lower() else segment.filename
        )
        self._files.append(
            _FormFile(self._next_file(), filename, segment.content_type or "", charset_of(options))
        )


def decoded(name: str, value: bytes | bytearray) -> str:
    """The value of a field. Raises MalformedBody for one that is not UTF-8."""
    try:
        return codecs.decode(bytes(value), "utf-8")
    except UnicodeDecodeError:
        raise MalformedBody(f"the form field {name[:50]!r} is not UTF-8") from None
