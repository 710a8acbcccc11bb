"""The check at the door: what the first block of a file shows before anything is kept."""

import csv
import io
import zlib
from dataclasses import dataclass

from glyphd.contracts.headers import HeaderMap, map_headers, nearest
from glyphd.contracts.imports import ImportOptions
from glyphd.contracts.listings import COLUMN_NAMES, REQUIRED
from glyphd.contracts.row_errors import MAX_VALUE_CHARACTERS
from glyphd.errors import FileRefused, UnreadableFile
from glyphd.importing.csv_rows import DELIMITERS, MAX_CELL_CHARACTERS, CsvRows
from glyphd.importing.encodings import UTF8_BOM, canonical_encoding
from glyphd.importing.lines import PhysicalLines

_NOT_CSV = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook: export it as CSV"),
    (b"\x1f\x8b", "gzip: name the part .csv.gz, or send Content-Encoding: gzip"),
    (b"\xff\xfe", "UTF-16 text: save it as UTF-8"),
    (b"\xfe\xff", "UTF-16 text: save it as UTF-8"),
    (b"%PDF", "a PDF"),
    (b"PAR1", "a Parquet file: export it as CSV"),
    (b"SQLite format 3", "a SQLite database: export it as CSV"),
)
UNPACKED_HEAD = 128 * 1024
_MAX_DETAIL_CHARACTERS = 1000
_MAX_NAMES = 100


@dataclass(frozen=True)
class FirstBlock:
    """The first bytes of an upload as received; `is_all` when there are no more, `packed` when they are gzip."""

    data: bytes
    is_all: bool
    packed: bool


@dataclass(frozen=True)
class Admitted:
    """What the door found out, to be kept with the import so that the worker reads the file the same way."""

    encoding: str
    delimiter: str
    header: HeaderMap


def check_door(block: FirstBlock, options: ImportOptions, *, max_columns: int) -> Admitted:
    """Raises FileRefused for a file that could never be imported, saying what was found and what is missing."""
    encoding = canonical_encoding(options.encoding)
    data, is_all = _unpacked(block)
    _require_no_other_format(data)
    body = data.removeprefix(UTF8_BOM).lstrip(b"\r\n")
    if not body.strip():
        raise FileRefused("the file is empty", found="nothing", missing=list(REQUIRED))
    header_text = _header_text(body, encoding)
    delimiter = options.delimiter or _sniff(header_text, max_columns)
    lines = PhysicalLines(io.BytesIO(data), encoding=encoding, max_bytes=UNPACKED_HEAD)
    rows = _read(lines, delimiter, max_columns)
    if not is_all and lines.offset == len(data) and not data.endswith(b"\n"):
        raise FileRefused(f"the header does not end within the first {len(data)} bytes", line=lines.number)
    _require_columns(rows.header, delimiter)
    if is_all and not _has_rows(rows):
        raise FileRefused("the file has a header but no rows", found=_shown_names(rows.header))
    return Admitted(encoding, delimiter, rows.header)


def _unpacked(block: FirstBlock) -> tuple[bytes, bool]:
    if not block.packed:
        return block.data, block.is_all
    inflate = zlib.decompressobj(wbits=31)
    try:
        data = inflate.decompress(block.data, UNPACKED_HEAD)
    except zlib.error:
        raise FileRefused("the file is said to be gzip, but it is not", found="bytes that are not gzip") from None
    return data, block.is_all and inflate.eof and not inflate.unused_data


def refuse_other_formats(block: FirstBlock) -> None:
    """Raises FileRefused for what no option can make a CSV: a zip archive, a PDF, bytes that are not gzip."""
    _require_no_other_format(_unpacked(block)[0])


def _require_no_other_format(data: bytes) -> None:
    for sign, what in _NOT_CSV:
        if data.startswith(sign):
            raise FileRefused(f"the file is not CSV but {what}", found=what)


def _header_text(body: bytes, encoding: str) -> str:
    """The first line, decoded; enough to find the delimiter out."""
    first = body.split(b"\n", 1)[0]
    if b"\0" in first:
        raise FileRefused("the file is not CSV: its header holds NUL bytes", found="binary data")
    if b"\r" in first.rstrip(b"\r"):
        raise FileRefused("lines end in a bare carriage return: save the file with LF or CRLF line ends", found="CR")
    try:
        return first.decode(encoding)
    except UnicodeDecodeError as error:
        what = f"the header can't be decoded as {encoding} (byte {error.start + 1})"
        raise FileRefused(f"{what}: send UTF-8, or name the encoding", found=repr(first[:80])) from None


def _sniff(header: str, max_columns: int) -> str:
    """The delimiter that gives the most known columns, then the most columns; a comma when nothing tells."""
    csv.field_size_limit(MAX_CELL_CHARACTERS)

    def cells_known(delimiter: str) -> tuple[int, int]:
        names = next(csv.reader(io.StringIO(header), delimiter=DELIMITERS[delimiter]), [])
        return len(map_headers(names[: max_columns + 1], COLUMN_NAMES).positions), len(names)

    return max(DELIMITERS, key=cells_known)


def _read(lines: PhysicalLines, delimiter: str, max_columns: int) -> CsvRows:
    try:
        return CsvRows(lines, delimiter, max_columns=max_columns)
    except UnreadableFile as error:
        raise FileRefused(f"the header can't be read: {error.detail}", **error.members) from None


def _require_columns(header: HeaderMap, delimiter: str) -> None:
    found = _shown_names(header)
    if header.conflicts:
        twice = "; ".join(header.conflicts)
        raise FileRefused(f"a column is given twice: {twice:.{_MAX_DETAIL_CHARACTERS}}", found=found)
    missing = header.missing(REQUIRED)
    if missing:
        near = {name: nearest(name, header.ignored) for name in missing}
        hints = [f"{name} (nearest: {near[name]})" if near[name] else name for name in missing]
        names = ", ".join(found)
        raise FileRefused(
            f"missing {_plural(missing)} {', '.join(hints)}; "
            f"found, parted by {delimiter!r}: {names:.{_MAX_DETAIL_CHARACTERS}}",
            missing=missing,
            nearest=near,
            found=found,
            delimiter=delimiter,
        )


def _shown_names(header: HeaderMap) -> list[str]:
    """The file's column names as a problem shows them: what calls itself a header may be anything."""
    return [name[:MAX_VALUE_CHARACTERS] for name in header.names[:_MAX_NAMES]]


def _plural(missing: list[str]) -> str:
    return "column" if len(missing) == 1 else "columns"


def _has_rows(rows: CsvRows) -> bool:
    """A row that can't be read counts: the import reports it, with its place."""
    try:
        return next(iter(rows), None) is not None
    except UnreadableFile:
        return True
