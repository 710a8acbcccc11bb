"""The check at the door: the first block of a file is checked before anything is stored."""

import io
import zlib
from dataclasses import dataclass

from glyphd.contracts.column_names import HeaderMap, fold, nearest
from glyphd.contracts.columns import REQUIRED
from glyphd.contracts.import_options import ImportOptions
from glyphd.errors import FileRefused, UnreadableFile
from glyphd.importing.csv_rows import CsvRows
from glyphd.importing.encodings import DEFAULT_ENCODING, UTF8_BOM, canonical_encoding
from glyphd.importing.file_rows import shown_name
from glyphd.importing.header_lines import find_delimiter, find_header, header_line
from glyphd.importing.layouts import COMMA, Layout, chosen_columns
from glyphd.importing.lines import PhysicalLines

_NOT_CSV = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook: export it as CSV"),
    (b"\x1f\x8b", "gzip: name the part .csv.gz, or send Content-Encoding: gzip"),
    (b"\xff\xfe", "UTF-16 text: save it as UTF-8"),
    (b"\xfe\xff", "UTF-16 text: save it as UTF-8"),
    (b"%PDF", "a PDF"),
    (b"PAR1", "a Parquet file: export it as CSV"),
    (b"SQLite format 3", "a SQLite database: export it as CSV"),
    (b"[{", "JSON: send it to /api/persist/listings as application/json"),
    (b'{"', "JSON: send it to /api/persist/listings as application/json, in an array"),
)
UNPACKED_HEAD = 128 * 1024
_MAX_DETAIL_CHARACTERS = 1000
_MAX_NAMES = 100


@dataclass(frozen=True)
class FirstBlock:
    """The first bytes of an upload as received; `is_all` if there are no more, `packed` if they are
    gzip."""

    data: bytes
    is_all: bool
    packed: bool


@dataclass(frozen=True)
class Admitted:
    """The results of the door, stored with the import so that the worker reads the file in the same
    way."""

    layout: Layout
    header: HeaderMap


def check_door(block: FirstBlock, options: ImportOptions, *, max_columns: int) -> Admitted:
    """Raises FileRefused for a file that can never be imported, with what was found and what is
    missing."""
    encoding = canonical_encoding(options.encoding)
    data, is_all = _unpacked(block)
    _require_no_other_format(data)
    if data.startswith(UTF8_BOM) and encoding != DEFAULT_ENCODING:
        what = (
            "the file begins with a UTF-8 byte order mark, but its encoding was given as "
            f"{encoding}"
        )
        raise FileRefused(
            f"{what}: send encoding=utf-8, or save it without the mark",
            found="UTF-8 byte order mark",
        )
    skipped = options.skip_lines or 0
    header, separator = header_line(data, skipped, encoding)
    layout = Layout(
        delimiter=options.delimiter or find_delimiter(header, separator, max_columns),
        encoding=encoding,
        skip_lines=skipped,
        column_map=chosen_columns(options.map),
        has_decimal_comma=options.decimal == COMMA,
    )
    physical = PhysicalLines(io.BytesIO(data), encoding=encoding, max_bytes=UNPACKED_HEAD)
    rows = _read(physical, layout, max_columns)
    if not is_all and physical.offset == len(data) and not data.endswith(b"\n"):
        raise FileRefused(
            f"the header does not end within the first {len(data)} bytes", line=physical.number
        )
    _require_columns(rows, layout, data, max_columns)
    if is_all and not _has_rows(rows):
        raise FileRefused("the file has a header but no rows", found=_shown_names(rows.header))
    return Admitted(layout, rows.header)


def _unpacked(block: FirstBlock) -> tuple[bytes, bool]:
    """The first unpacked bytes of all members of the gzip data, and whether these are all."""
    if not block.packed:
        return block.data, block.is_all
    packed, data = block.data, b""
    while packed and len(data) < UNPACKED_HEAD:
        inflate = zlib.decompressobj(wbits=31)
        try:
            data += inflate.decompress(packed, UNPACKED_HEAD - len(data))
        except zlib.error:
            if packed is block.data:
                raise FileRefused(
                    "the file was sent as gzip, but it is not", found="bytes that are not gzip"
                ) from None
            return data, False  # data after the first member is left to the import
        if not inflate.eof:
            return data, False
        packed = inflate.unused_data.lstrip(b"\0")
    return data, block.is_all and not packed


def refuse_other_formats(block: FirstBlock) -> None:
    """Raises FileRefused for a file that no option can make a CSV: a zip archive, a PDF, bytes that
    are not gzip."""
    _require_no_other_format(_unpacked(block)[0])


def _require_no_other_format(data: bytes) -> None:
    for sign, what in _NOT_CSV:
        if data.startswith(sign):
            raise FileRefused(f"the file is not CSV but {what}", found=what)


def _read(lines: PhysicalLines, layout: Layout, max_columns: int) -> CsvRows:
    try:
        return CsvRows(lines, layout, max_columns=max_columns)
    except UnreadableFile as error:
        raise FileRefused(f"the header can't be read: {error.detail}", **error.members) from None


def _require_columns(rows: CsvRows, layout: Layout, data: bytes, max_columns: int) -> None:
    header = rows.header
    found = _shown_names(header)
    if header.conflicts:
        twice = "; ".join(header.conflicts)
        raise FileRefused(f"a column appears twice: {twice:.{_MAX_DETAIL_CHARACTERS}}", found=found)
    _require_mapped(header, layout, found)
    missing = header.missing(REQUIRED)
    if not missing:
        return
    near = {name: nearest(name, header.ignored) for name in missing}
    hints = [f"{name} (nearest: {near[name]})" if near[name] else name for name in missing]
    names = ", ".join(found)
    better = find_header(data, layout, max_columns)
    advice = _how_to_map(missing[0], near[missing[0]])
    if better is not None:
        advice = _how_to_reach(better, rows.header_line)
    raise FileRefused(
        f"missing {'column' if len(missing) == 1 else 'columns'} {', '.join(hints)}; "
        f"found, separated by {layout.delimiter!r}: {names:.{_MAX_DETAIL_CHARACTERS}}; {advice}",
        missing=missing,
        nearest=near,
        found=found,
        delimiter=layout.delimiter,
    )


def _require_mapped(header: HeaderMap, layout: Layout, found: list[str]) -> None:
    """Every column that the `map` option names must be in the file."""
    in_file = set(map(fold, header.names))
    for name in layout.column_map:
        if fold(name) not in in_file:
            near = nearest(name, header.names)
            hint = f"; did you mean {shown_name(near)}?" if near else ""
            raise FileRefused(
                f"map names a column {name:.200} that the file does not have{hint}", found=found
            )


def _how_to_reach(better: tuple[int, str], line_read: int) -> str:
    """The option that selects a better header line; if that line was already the header, its
    delimiter was wrong."""
    line, delimiter = better
    if line == line_read:
        return f"its cells seem to be separated by {delimiter!r}: send delimiter={delimiter}"
    return f"the header seems to be in line {line}: send skip_lines={line - 1}"


def _how_to_map(missing: str, near: str | None) -> str:
    name = shown_name(near) if near else "its name in the file"
    return f"if another column is {missing}, send map={missing}:{name}"


def _shown_names(header: HeaderMap) -> list[str]:
    """The file's column names for a problem, shortened because a supposed header can be
    anything."""
    return [shown_name(name) for name in header.names[:_MAX_NAMES]]


def _has_rows(rows: CsvRows) -> bool:
    """An unreadable row counts, because the import reports it with its place."""
    try:
        return next(iter(rows), None) is not None
    except UnreadableFile:
        return True
