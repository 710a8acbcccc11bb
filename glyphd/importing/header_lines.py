"""Detects from the first bytes which line of a file is its header, and what separates its cells."""

import csv
import io

from glyphd.contracts.column_names import map_headers
from glyphd.contracts.columns import INPUT_COLUMNS, REQUIRED
from glyphd.contracts.import_options import MAX_SKIP_LINES
from glyphd.contracts.texts import trimmed
from glyphd.errors import FileRefused
from glyphd.importing.csv_rows import read_records, separator_of
from glyphd.importing.encodings import UTF8_BOM
from glyphd.importing.layouts import DELIMITERS, Layout

_HOLDS_NOTHING = "".join(DELIMITERS.values()) + '" '


def header_line(data: bytes, skipped: int, encoding: str) -> tuple[str, str | None]:
    """The first non-empty line, and the delimiter in a line `sep=;` before it.

    Raises FileRefused if there is none, or if it is not text.
    """
    lines = data.removeprefix(UTF8_BOM).split(b"\n")[skipped:]
    separator = separator_of(lines[0].decode(encoding, "replace")) if lines else None
    for line in lines[separator is not None :]:
        text = line.decode(encoding, "replace").strip(_HOLDS_NOTHING)
        if not trimmed(text):
            continue
        if b"\0" in line:
            what = "the file is not CSV: its header contains NUL bytes"
            raise FileRefused(what, found="binary data")
        if b"\r" in line.rstrip(b"\r"):
            what = "lines end with a bare carriage return: save the file with LF or CRLF line ends"
            raise FileRefused(what, found="CR")
        try:
            return line.decode(encoding), separator
        except UnicodeDecodeError as error:
            what = f"the header can't be decoded as {encoding} (byte {error.start + 1})"
            hint = "send UTF-8, or name the encoding"
            raise FileRefused(f"{what}: {hint}", found=repr(line[:80])) from None
    what = (
        f"the file is empty after the {skipped} skipped lines" if skipped else "the file is empty"
    )
    raise FileRefused(what, found="nothing", missing=list(REQUIRED))


def find_delimiter(header: str, separator: str | None, max_columns: int) -> str:
    """The delimiter by its name: the requested one, or else the one that gives the most known
    columns, then the most columns; a comma if that does not decide."""
    if separator is None:
        columns = {delimiter: _names(header, delimiter, max_columns) for delimiter in DELIMITERS}
        known = {by: len(map_headers(columns[by], INPUT_COLUMNS).positions) for by in columns}
        return max(columns, key=lambda by: (known[by], len(columns[by])))
    names = {character: name for name, character in DELIMITERS.items()}
    if separator not in names:
        what = f"the line sep={separator} names a delimiter that is not supported"
        raise FileRefused(what, found=f"sep={separator}")
    return names[separator]


def find_header(data: bytes, layout: Layout, max_columns: int) -> tuple[int, str] | None:
    """The first line with all the required columns, among those that skip_lines can reach: its
    number, and its delimiter."""
    lines = data.removeprefix(UTF8_BOM).split(b"\n", MAX_SKIP_LINES + 1)[: MAX_SKIP_LINES + 1]
    for number, line in enumerate(lines, start=1):
        text = line.decode(layout.encoding, "replace").rstrip("\r")
        delimiter = find_delimiter(text, None, max_columns)
        names = _names(text, delimiter, max_columns)
        if not map_headers(names, INPUT_COLUMNS, layout.column_map).missing(REQUIRED):
            return number, delimiter
    return None


def _names(header: str, delimiter: str, max_columns: int) -> list[str]:
    """The names in a line; none if its quotes show that it is not a header."""
    try:
        return next(read_records(io.StringIO(header), delimiter, strict=False), [])[
            : max_columns + 1
        ]
    except csv.Error:
        return []
