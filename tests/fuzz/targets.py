"""The fuzz targets. Each takes any bytes, raises only the errors named here, and keeps its
promises."""

import io
from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress

from bottle import request

from glyphd.api.access import AccessRule, RequestHead
from glyphd.api.bodies import receive_upload
from glyphd.api.body_limits import BodyLimits
from glyphd.api.forms import MAX_FIELD_BYTES, MAX_PARTS
from glyphd.api.query_strings import MAX_PARAMETERS, read_query_string
from glyphd.contracts.fingerprints import fingerprint
from glyphd.contracts.import_options import ImportOptions
from glyphd.contracts.object_cells import OBJECT_HEADER
from glyphd.contracts.parameter_reading import read_parameters
from glyphd.contracts.queries import ErrorQuery, ImportQuery, ListingQuery, UploadQuery
from glyphd.errors import FileRefused, GlyphdError, UnreadableFile
from glyphd.hosts import Host, parse_host
from glyphd.importing.csv_rows import CsvRows
from glyphd.importing.door import FirstBlock, check_door
from glyphd.importing.json_rows import MAX_IGNORED, JsonRows
from glyphd.importing.layouts import Layout
from glyphd.importing.lines import PhysicalLines
from glyphd.listings.cursors import read_cursor, write_cursor
from glyphd.request_errors import InvalidRequest
from glyphd.settings import Settings
from glyphd.times import parse_time
from tests.fuzz.rereading import check_rows

MAX_LINE = 1024
MAX_COLUMNS = 40
MAX_DETAIL = 4000
MAX_MEMBERS = 25_000
HEADER = (
    b"model,price_usd,score,quantity,seen_at,heuristics,nvlink,mig_capable,title,Price.Note,"
    b"seller,availability,extra\n"
)
ENCODINGS = (None, "cp1252", "shift_jis", "euc_jp")
DELIMITERS = (None, ",", ";", "tab", "|")
_LIMITS = BodyLimits.from_settings(Settings(max_upload_bytes=4096))


def headers(data: bytes) -> None:
    """The door. The first byte chooses how the block is sent."""
    how, block = data[:1], data[1:]
    flags = how[0] if how else 0
    options = ImportOptions.model_validate(
        {
            "encoding": ENCODINGS[flags >> 2 & 3],
            "delimiter": DELIMITERS[(flags >> 4) % 5],
            "skip_lines": flags >> 7,
        }
    )
    try:
        first = FirstBlock(block, is_all=bool(flags & 1), packed=bool(flags & 2))
        admitted = check_door(first, options, max_columns=MAX_COLUMNS)
    except FileRefused as refused:
        _require_few_words(refused)
        return
    assert len(admitted.header.names) <= MAX_COLUMNS
    assert {"model", "price_usd", "score"} <= admitted.header.positions.keys()
    assert not admitted.header.conflicts


def rows(data: bytes) -> None:
    """Rows of a CSV: after a header with many kinds of column, or after one in the data."""
    flags, body = (data[0] if data else 0), data[1:]
    file = body if flags & 1 else HEADER + body
    lines = PhysicalLines(
        io.BytesIO(file), encoding=ENCODINGS[flags >> 1 & 3] or "utf-8", max_bytes=MAX_LINE
    )
    with suppress(UnreadableFile):
        layout = Layout(DELIMITERS[1 + (flags >> 3) % 4] or ",", skip_lines=flags >> 6)
        found = CsvRows(lines, layout, max_columns=MAX_COLUMNS)
        if found.header.conflicts:
            return  # the door refuses such a file
        check_rows(found, found.header)
        assert lines.offset == len(file)


def json_rows(data: bytes) -> None:
    """Rows as JSON objects, one per line."""
    found = JsonRows(io.BytesIO(data))
    with suppress(UnreadableFile):
        check_rows(found, OBJECT_HEADER)
    assert len(found.ignored_columns) <= MAX_IGNORED


def forms(data: bytes) -> None:
    """Multipart forms, and raw and JSON bodies for other first bytes."""
    kinds = ("multipart/form-data; boundary=b", "application/json", "text/csv")
    kind, body = kinds[data[0] % 3 if data else 0], data[1:]
    length = {"CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": kind}
    request.bind({"wsgi.input": io.BytesIO(body), "REQUEST_METHOD": "POST", **length})
    kept = _Kept()
    try:
        received = receive_upload(kept, _LIMITS, lambda *_: None)
    except GlyphdError as refused:
        _require_few_words(refused)
        return
    assert kept.size <= len(body)
    assert len(received.fields) <= MAX_PARTS
    assert all(len(value) <= MAX_FIELD_BYTES for _, value in received.fields)


def queries(data: bytes) -> None:
    """Query strings, and cursors that are invented or modified."""
    text = data.decode("latin-1")
    with suppress(InvalidRequest):
        pairs = read_query_string(text)
        assert len(pairs) <= MAX_PARAMETERS
        for contract in (ListingQuery, ImportQuery, ErrorQuery, UploadQuery):
            with suppress(InvalidRequest):
                read_parameters(contract, pairs)
    made = (
        urlsafe_b64encode(b'["' + fingerprint([]).encode() + b'",' + data + b"]")
        .decode()
        .rstrip("=")
    )
    for cursor in (text, made):
        with suppress(InvalidRequest):
            position = read_cursor([], cursor, (str, int))
            assert read_cursor([], write_cursor([], position), (str, int)) == position


def times(data: bytes) -> None:
    """Times in any spelling."""
    with suppress(ValueError):
        stored = parse_time(data.decode("utf-8", "ignore"))
        assert len(stored) == 27
        assert parse_time(stored) == stored


def hosts(data: bytes) -> None:
    """Hosts and origins in any spelling. One that is served has no dot, is an address, or is this
    machine."""
    text = data.decode("latin-1")
    with suppress(GlyphdError):
        AccessRule().check(RequestHead("GET", "/", "1.1", text, {"HOST": text}))
        host = parse_host(text)
        assert host.is_address or "." not in host.name or host.name.endswith(".localhost")
        assert parse_host(f"[{host.name}]" if ":" in host.name else host.name).name == host.name
    with suppress(GlyphdError):
        AccessRule().check(
            RequestHead("POST", "/", "1.1", text, {"HOST": "api:8080", "ORIGIN": text})
        )
        assert parse_host(text.partition("://")[2].removesuffix("/")) == Host("api", 8080)


def _require_few_words(refused: GlyphdError) -> None:
    assert len(refused.detail) < MAX_DETAIL
    assert len(str(refused.members)) < MAX_MEMBERS


class _Kept:
    """An upload that only counts its bytes."""

    size = 0
    sha256 = ""
    head = b""

    def start_digest(self) -> None:
        raise AssertionError

    def write(self, data: bytes | bytearray) -> None:
        self.size += len(data)

    def keep(self, name: str) -> None:
        raise AssertionError(name)


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target for target in (headers, rows, json_rows, forms, queries, times, hosts)
}
