"""The check at the door: the first block of a file is checked before anything is stored."""

import io
import zlib
from dataclasses import dataclass

from glyphd.contracts.column_names import HeaderMap, name_key, nearest
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
    data, is_all = unpack(block)
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
    try:
        rows = CsvRows(physical, layout, max_columns=max_columns)
    except UnreadableFile as error:
        raise FileRefused(f"the header can't be read: {error.detail}", **error.members) from None
    if not is_all and physical.offset == len(data) and not data.endswith(b"\n"):
        raise FileRefused(
            f"the header does not end within the first {len(data)} bytes", line=physical.number
        )
    _require_columns(rows, layout, data, max_columns)
    try:
        has_rows = not is_all or next(iter(rows), None) is not None
    except UnreadableFile:
        has_rows = True  # a row that can't be read counts: the import reports it, with its place
    if not has_rows and not options.complete:
        raise FileRefused("the file has a header but no rows", found=_shown_names(rows.header))
    return Admitted(layout, rows.header)


def unpack(block: FirstBlock) -> tuple[bytes, bool]:
    """The first bytes of the file, and whether they are the whole file.

    Raises FileRefused for a file that no option can turn into a CSV: a zip archive, a PDF, bytes
    that are not gzip.
    """
    data, is_all = _gunzipped(block) if block.packed else (block.data, block.is_all)
    for sign, what in _NOT_CSV:
        if data.startswith(sign):
            raise FileRefused(f"the file is not CSV but {what}", found=what)
    return data, is_all


def _gunzipped(block: FirstBlock) -> tuple[bytes, bool]:
    """The first bytes of the unpacked data of all gzip members, and whether they are the whole
    data."""
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


def _require_columns(rows: CsvRows, layout: Layout, data: bytes, max_columns: int) -> None:
    """Raises FileRefused for a column that is there twice, one that the `map` option names and the
    file does not have, and a required one that is missing."""
    header = rows.header
    if header.conflicts:
        twice = "; ".join(header.conflicts)
        raise FileRefused(
            f"a column appears twice: {twice:.{_MAX_DETAIL_CHARACTERS}}", found=_shown_names(header)
        )
    in_file = set(map(name_key, header.names))
    for name in layout.column_map:
        if name_key(name) not in in_file:
            near = nearest(name, header.names)
            hint = f"; did you mean {shown_name(near)}?" if near else ""
            what = f"map names a column {name:.200} that the file does not have{hint}"
            raise FileRefused(what, found=_shown_names(header))
    missing = header.missing(REQUIRED)
    if missing:
        raise _missing_columns(missing, rows, layout, find_header(data, layout, max_columns))


def _missing_columns(
    missing: list[str], rows: CsvRows, layout: Layout, better: tuple[int, str] | None
) -> FileRefused:
    """What a file without these columns is refused with; `better` is the line that has them, and
    the delimiter that shows them."""
    header, found = rows.header, _shown_names(rows.header)
    near = {name: nearest(name, header.ignored) for name in missing}
    hints = [f"{name} (nearest: {near[name]})" if near[name] else name for name in missing]
    names = ", ".join(found)
    suggested: dict[str, str] = {}
    if better is None:
        nearest_name = near[missing[0]]
        name = shown_name(nearest_name) if nearest_name else "its name in the file"
        advice = f"if another column is {missing[0]}, send map={missing[0]}:{name}"
    elif better[0] == rows.header_line:  # it was read as the header by a wrong delimiter
        advice = f"its cells seem to be separated by {better[1]!r}: send delimiter={better[1]}"
        suggested = {"delimiter": better[1]}
    else:
        advice = f"the header seems to be in line {better[0]}: send skip_lines={better[0] - 1}"
        suggested = {"skip_lines": str(better[0] - 1)}
    return FileRefused(
        f"missing {'column' if len(missing) == 1 else 'columns'} {', '.join(hints)}; "
        f"found, separated by {layout.delimiter!r}: {names:.{_MAX_DETAIL_CHARACTERS}}; {advice}",
        missing=missing,
        nearest=near,
        found=found,
        delimiter=layout.delimiter,
        suggested=suggested,
    )


def _shown_names(header: HeaderMap) -> list[str]:
    """The file's column names for a problem, shortened because a supposed header can be
    anything."""
    return [shown_name(name) for name in header.names[:_MAX_NAMES]]
