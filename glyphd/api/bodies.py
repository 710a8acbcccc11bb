"""Taking request bodies apart as they stream in: raw, multipart and JSON, into the upload store."""

import codecs
import re
from typing import Any

from bottle import request
from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser, parse_options_header

from glyphd.api.arriving import Arriving, Body, Look
from glyphd.api.dispositions import charset_of, filename_of, require_plain_transfer
from glyphd.api.headers import header
from glyphd.api.parameters import read_query_string
from glyphd.contracts.json_values import RepeatedKeys, parse_json
from glyphd.errors import FileRefused
from glyphd.importing.intake import GZIP, Described
from glyphd.request_errors import LengthMissing, MalformedBody, TooLarge, UnsupportedType
from glyphd.settings import Settings
from glyphd.uploads import Receiving

BLOCK = 256 * 1024
MAX_PARTS = 32
MAX_FIELD_BYTES = 16 * 1024
MAX_NAMES_SHOWN = 20
MAX_NAME_SHOWN = 100
"""What a refusal repeats of the names that a body made up."""
FORM_ENVELOPE_BYTES = 64 * 1024
"""A form may be larger than its file by this much: part headers, boundaries and option fields."""
GZIP_TYPES = ("application/gzip", "application/x-gzip")
RAW_TYPES = ("text/csv", "application/csv", "text/tab-separated-values", *GZIP_TYPES)
BYTES_OF_A_VALUE = 16
"""A JSON body may have one value for so many bytes of the largest one: rows have names before their values."""
MULTIPART = "multipart/form-data"
JSON = "application/json"
_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
"""A text in JSON. One without an end goes to the end of the body: to look for its end again would take for ever."""
FORM = "application/x-www-form-urlencoded"


def receive_upload(receiving: Receiving, settings: Settings, look: Look) -> Body:
    """Streams the CSV of this request into the upload store, whatever form it comes in.

    `look` is called once, as soon as the file's head is there, so that a refusal need not wait for the rest; not for a
    file that has no more than a head, and for JSON, which is in memory as a whole.
    """
    arriving = Arriving(receiving, look)
    content_type, options = parse_options_header(header("Content-Type"))
    packed = _content_encoding() == GZIP
    if content_type in RAW_TYPES:
        kind = "text/csv" if content_type in GZIP_TYPES else content_type
        is_packed = packed or content_type in GZIP_TYPES
        described = Described(filename_of(header("Content-Disposition")), kind, GZIP if is_packed else None)
        return _receive_raw(arriving, Body(described, [], charset=charset_of(options)), settings)
    if packed:
        raise UnsupportedType(
            f"{content_type or 'this body'} can't be sent with Content-Encoding: gzip, only text/csv can"
        )
    if content_type == MULTIPART:
        return _receive_multipart(arriving, options.get("boundary", ""), settings)
    if content_type == JSON:
        return _receive_json(receiving, settings)
    hint = " (with curl, add -H 'Content-Type: text/csv')" if "urlencoded" in content_type else ""
    offered = [*RAW_TYPES, MULTIPART, JSON]
    what = content_type or "a body without a Content-Type"
    raise UnsupportedType(f"{what} is not taken{hint}, only {', '.join(offered)}", offered=offered)


def read_json_body(settings: Settings) -> Any:
    """The JSON value of this request. Raises FileRefused when it is malformed, TooLarge over the cap."""
    content_type, _ = parse_options_header(header("Content-Type"))
    if content_type != JSON or _content_encoding():
        raise UnsupportedType(f"the body has to be {JSON}", offered=[JSON])
    limit = settings.max_json_bytes
    body = bytearray()
    what = f"a JSON body may have {limit} bytes; send a larger file as a raw text/csv body"
    for block in _blocks(limit, TooLarge(what, limit=limit)):
        body += block
    _require_few_values(body, settings)
    return _json_value(bytes(body))


def read_fields() -> list[tuple[str, str]]:
    """The fields of a small body, a form or a JSON object of texts; an empty body has none."""
    content_type, _ = parse_options_header(header("Content-Type"))
    too_large = TooLarge(f"this body may have {MAX_FIELD_BYTES} bytes", limit=MAX_FIELD_BYTES)
    body = b"".join(_blocks(MAX_FIELD_BYTES, too_large))
    if not body:
        return []
    if content_type == FORM:
        return read_query_string(_decoded("body", bytearray(body)))
    if content_type == JSON:
        content = _without_repeated_keys(_json_value(body))
        if isinstance(content, dict) and all(isinstance(value, str) for value in content.values()):
            return list(content.items())
        raise FileRefused("the body has to be a JSON object whose members are texts")
    raise UnsupportedType(f"the body has to be {JSON} or {FORM}", offered=[JSON, FORM])


def _json_value(body: bytes) -> Any:
    """The value, with RepeatedKeys for an object that gives a key twice."""
    try:
        return parse_json(body)
    except ValueError as error:
        raise FileRefused(f"the body is not JSON: {error}") from None


def _require_few_values(body: bytearray, settings: Settings) -> None:
    """Raises TooLarge for more values than a body of rows has: `{}` takes 30 times as much memory as text.

    Texts are looked for only where there is something to leave out: a CSV is one text with many commas.
    """
    most = max(settings.max_json_bytes // BYTES_OF_A_VALUE, 1)
    if _marks(body) > most and _marks(_TEXT.sub(b"", body)) > most:
        raise TooLarge(f"a JSON body may have {most} values; send a larger file as a raw text/csv body", limit=most)


def _marks(body: bytes | bytearray) -> int:
    """How often something stands before a value: as many values there are, or a few less."""
    return body.count(b",") + body.count(b"[") + body.count(b"{")


def _without_repeated_keys(content: Any) -> Any:
    if isinstance(content, RepeatedKeys):
        raise FileRefused(f"the JSON object {content.error.message()}")
    return content


def _content_encoding() -> str:
    encoding: str = header("Content-Encoding").strip().lower()
    if encoding not in ("", "identity", GZIP, "x-gzip"):
        raise UnsupportedType(f"Content-Encoding {encoding[:50]!r} is not taken, only gzip", offered=[GZIP])
    return GZIP if encoding.endswith(GZIP) else ""


def _length() -> int:
    """The body's length, which the server always knows: it has received all of it, chunked ones too."""
    environ = request.environ
    if environ.get("HTTP_TRANSFER_ENCODING"):
        raise LengthMissing("this transfer encoding is not taken")
    text = environ.get("CONTENT_LENGTH") or "0"
    if not text.isdecimal():
        raise MalformedBody("Content-Length is not a number")
    return int(text)


def _blocks(limit: int, too_large: TooLarge) -> Any:
    """The body in blocks. Raises TooLarge before reading a body that says it is, MalformedBody for a short one."""
    left = _length()
    if left > limit:
        raise too_large
    read = request.environ["wsgi.input"].read
    while left:
        block = read(min(BLOCK, left))
        if not block:
            raise MalformedBody(f"the body ended {left} bytes early")
        left -= len(block)
        yield block


def _too_large(settings: Settings) -> TooLarge:
    limit = settings.max_upload_bytes
    return TooLarge(f"an upload may have {limit} bytes", limit=limit)


def _receive_raw(arriving: Arriving, body: Body, settings: Settings) -> Body:
    for block in _blocks(settings.max_upload_bytes, _too_large(settings)):
        arriving.add(block)
        arriving.look_once(lambda: body, is_complete=True)
    return body


def _receive_multipart(arriving: Arriving, boundary: str, settings: Settings) -> Body:
    if not boundary:
        raise MalformedBody("multipart/form-data without a boundary")
    form = _Form(arriving)
    try:
        with PushMultipartParser(boundary, max_segment_count=MAX_PARTS) as parser:
            for block in _blocks(settings.max_upload_bytes + FORM_ENVELOPE_BYTES, _too_large(settings)):
                for event in parser.parse(block):
                    form.take(event)
                if arriving.size > settings.max_upload_bytes:
                    raise _too_large(settings)
    except ParserLimitReached as error:
        raise TooLarge(f"the form is too large: {error}") from None
    except MultipartError as error:
        raise MalformedBody(f"the form can't be taken apart: {error}") from None
    return form.body()


def _receive_json(receiving: Receiving, settings: Settings) -> Body:
    content = _without_repeated_keys(read_json_body(settings))
    if not isinstance(content, dict):
        raise FileRefused('the body has to be a JSON object such as {"filename": "offers.csv", "csv": "…"}')
    text, name = content.get("csv"), content.get("filename")
    unknown = [name[:MAX_NAME_SHOWN] for name in sorted(set(content) - {"csv", "filename"})[:MAX_NAMES_SHOWN]]
    if unknown:
        raise FileRefused(f"unknown members {', '.join(unknown)[:200]}: options are query parameters", unknown=unknown)
    if not isinstance(text, str) or not isinstance(name, str | None):
        raise FileRefused("the JSON object needs the CSV text as csv, and may have a filename", missing=["csv"])
    receiving.write(text.encode())
    return Body(Described(name, "text/csv"), [], is_text=True)


class _Form:
    """The parts of a form, one after another: the file goes to the store, fields stay here."""

    def __init__(self, arriving: Arriving) -> None:
        self._arriving = arriving
        self._file: MultipartSegment | None = None
        self._fields: list[tuple[str, bytearray]] = []
        self._is_file = False
        self._filename: str | None = None
        self._charset: str | None = None

    def take(self, event: MultipartSegment | bytes | bytearray | None) -> None:
        """A part's header, some of its bytes, or (None) its end."""
        if isinstance(event, MultipartSegment):
            self._start(event)
        elif event and self._is_file:
            self._arriving.add(event)
            self._arriving.look_once(self.body, is_complete=False)
        elif event:
            name, value = self._fields[-1]
            value += event
            if len(value) > MAX_FIELD_BYTES:
                raise TooLarge(f"the form field {name[:50]!r} is larger than {MAX_FIELD_BYTES} bytes")

    def body(self) -> Body:
        if self._file is None:
            found = [name for name, _ in self._fields]
            raise FileRefused(f"the form has no part named file; found: {', '.join(found) or 'nothing'}", found=found)
        name, kind = self._filename, self._file.content_type or ""
        packed = kind in GZIP_TYPES or (name or "").lower().endswith(".gz")
        described = Described(name, "text/csv", GZIP if packed else None)
        fields = [(name, _decoded(name, value)) for name, value in self._fields]
        return Body(described, fields, charset=self._charset)

    def _start(self, segment: MultipartSegment) -> None:
        require_plain_transfer(segment.header("Content-Transfer-Encoding", ""))
        self._is_file = segment.name == "file"
        if not self._is_file:
            self._fields.append((segment.name or "", bytearray()))
        elif self._file is not None:
            raise FileRefused("the form has two parts named file")
        else:
            self._file = segment
            _, options = parse_options_header(segment.header("Content-Type", ""))
            self._charset = charset_of(options)
            disposition = segment.header("Content-Disposition", "")
            self._filename = filename_of(disposition) if "filename*" in disposition.lower() else segment.filename


def _decoded(name: str, value: bytearray) -> str:
    try:
        return codecs.decode(bytes(value), "utf-8")
    except UnicodeDecodeError:
        raise MalformedBody(f"the form field {name[:50]!r} is not UTF-8") from None
