"""Parses a form as it streams in: its files go into the upload store one after another, its fields
stay in memory."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
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
from glyphd.api.dispositions import charset_of, filename_of
from glyphd.api.request_headers import header_text
from glyphd.errors import FileRefused
from glyphd.importing.intake import GZIP, Described
from glyphd.request_errors import MalformedBody, TooLarge, UnsupportedType

MULTIPART = "multipart/form-data"
GZIP_TYPES = ("application/gzip", "application/x-gzip")
FILE_FIELD = "file"
MAX_PARTS = 32
MAX_FIELD_BYTES = 16 * 1024
_PLAIN_TRANSFERS = ("binary", "8bit", "7bit")


@dataclass(frozen=True)
class FormFile:
    """A part of a form whose bytes go into the upload store."""

    arriving: Arriving
    filename: str | None
    content_type: str
    charset: str | None


@dataclass
class Form:
    """The parts of a form, one after another. `places` says where its files go; a form with more
    files than places is refused."""

    places: Iterator[Arriving]
    limits: BodyLimits
    most_parts: int
    files: list[FormFile] = field(default_factory=list)
    _fields: list[tuple[str, bytearray]] = field(default_factory=list)
    _is_file: bool = False

    def take(self, event: MultipartSegment | bytes | bytearray | None) -> None:
        """A part's header, some of its bytes, or (None) its end."""
        if isinstance(event, MultipartSegment):
            self._start(event)
        elif event and self._is_file:
            file = self.files[-1]
            file.arriving.add(event, partial(self.body_of, file))
            if file.arriving.receiving.size > self.limits.max_upload_bytes:
                raise self.limits.upload_too_large()
        elif event:
            name, value = self._fields[-1]
            value += event
            if len(value) > MAX_FIELD_BYTES:
                what = f"the form field {name[:50]!r} is larger than {MAX_FIELD_BYTES} bytes"
                raise TooLarge(what, limit=MAX_FIELD_BYTES)

    def fields(self) -> list[tuple[str, str]]:
        """The names and values received so far."""
        return [(name, decoded(name, value)) for name, value in self._fields]

    def body_of(self, file: FormFile) -> Body:
        """One file of the form, with the fields around it."""
        name = (file.filename or "").lower()
        is_packed = file.content_type in GZIP_TYPES or name.endswith(".gz")
        described = Described(file.filename, "text/csv", GZIP if is_packed else None)
        return Body(described, self.fields(), charset=file.charset)

    def _start(self, part: MultipartSegment) -> None:
        """Begins a field or a file. Raises TooLarge for one too many, and UnsupportedType for a
        part whose bytes are not those of the file."""
        if len(self._fields) + len(self.files) == self.most_parts:
            what = f"the form has more than {self.most_parts} parts"
            raise TooLarge(what, limit=self.most_parts)
        encoding = part.header("Content-Transfer-Encoding", "")
        if encoding.strip().lower() not in ("", *_PLAIN_TRANSFERS):
            what = f"Content-Transfer-Encoding {encoding[:50]!r} is not supported"
            raise UnsupportedType(
                f"{what}: send the part as binary", offered=list(_PLAIN_TRANSFERS)
            )
        self._is_file = part.name == FILE_FIELD
        if not self._is_file:
            self._fields.append((header_text(part.name or ""), bytearray()))
            return
        arriving = next(self.places, None)
        if arriving is None:
            raise FileRefused("the form has two parts named file")
        _, options = parse_options_header(part.header("Content-Type", ""))
        disposition = header_text(part.header("Content-Disposition", ""))
        is_extended = "filename*" in disposition.lower()
        filename = filename_of(disposition) if is_extended else header_text(part.filename or "")
        self.files.append(
            FormFile(arriving, filename or None, part.content_type or "", charset_of(options))
        )


def receive_form(
    boundary: str, limits: BodyLimits, places: Iterator[Arriving], most_parts: int = MAX_PARTS
) -> Form:
    """Streams the form of this request. Raises MalformedBody, TooLarge, UnsupportedType, and
    FileRefused for more files than places."""
    if not boundary:
        raise MalformedBody("multipart/form-data without a boundary")
    form = Form(places, limits, most_parts)
    try:
        with PushMultipartParser(
            boundary, max_segment_count=most_parts + 1, header_charset="latin-1"
        ) as parser:
            for block in body_blocks(partial(limits.require_size, MULTIPART)):
                for event in parser.parse(block):
                    form.take(event)
    except MultipartError as error:
        # The parser keeps its error. With the traceback, which refers to the parser, that would be
        # a cycle, and all that was received would stay in memory until the next collection.
        error.__traceback__ = None
        if isinstance(error, ParserLimitReached):
            raise TooLarge(f"the form is too large: {error}") from None
        raise MalformedBody(f"the form can't be parsed: {error}") from None
    return form


def decoded(name: str, value: bytes | bytearray) -> str:
    """The value of a field. Raises MalformedBody for one that is not UTF-8."""
    try:
        return codecs.decode(bytes(value), "utf-8")
    except UnicodeDecodeError:
        raise MalformedBody(f"the form field {name[:50]!r} is not UTF-8") from None
