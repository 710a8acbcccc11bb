"""Writing rows as JSON, CSV, NDJSON or Parquet into a binary file, chunk by chunk.

A chunk is written column by column rather than cell by cell, because in most columns the values
need not be checked individually.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Any, BinaryIO

from pydantic_core import to_json

from glyphd.listings import parquet
from glyphd.storage.result_rows import JSON_COLUMNS, in_chunks

CONTENT_TYPES = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
    "parquet": parquet.CONTENT_TYPE,
}
_BYTE_ORDER_MARK = "\ufeff".encode()
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NUMBERS = frozenset({int, float, type(None)})
_SCALARS = _NUMBERS | {bool}

Rows = Iterable[Sequence[Any]]
WriteRows = Callable[[BinaryIO, Sequence[str], Rows], None]


def write_json(file: BinaryIO, columns: Sequence[str], rows: Rows) -> None:
    """One JSON array of objects."""
    separator = b"["
    for chunk in in_chunks(columns, rows):
        file.write(separator)
        file.write(b",".join(_objects(columns, chunk)))
        separator = b","
    file.write(b"[]" if separator == b"[" else b"]")


def write_ndjson(file: BinaryIO, columns: Sequence[str], rows: Rows) -> None:
    """One JSON object a line."""
    for chunk in in_chunks(columns, rows):
        file.write(b"\n".join(_objects(columns, chunk)))
        file.write(b"\n")


def write_csv(file: BinaryIO, columns: Sequence[str], rows: Rows) -> None:
    """A header and one record for each row, with CRLF line ends as in RFC 4180; null is an empty
    cell."""
    _write_csv(file, columns, rows, _cells)


def write_safe_csv(file: BinaryIO, columns: Sequence[str], rows: Rows) -> None:
    """CSV in which no text starts a formula, because an apostrophe is put in front of it."""
    _write_csv(file, columns, rows, lambda values: _cells([_guarded(value) for value in values]))


def marked(write: WriteRows) -> WriteRows:
    """Writes a byte order mark first: Excel takes CSV for UTF-8 only with one."""

    def write_marked(file: BinaryIO, columns: Sequence[str], rows: Rows) -> None:
        file.write(_BYTE_ORDER_MARK)
        write(file, columns, rows)

    return write_marked


WRITERS: dict[str, WriteRows] = {
    "json": write_json,
    "csv": write_csv,
    "ndjson": write_ndjson,
    "parquet": parquet.write_parquet,
}


def _objects(columns: Sequence[str], chunk: Sequence[Sequence[Any]]) -> Iterable[bytes]:
    """The rows as JSON objects. Each is encoded by itself: in a text with one emoji every character
    takes four bytes."""
    pieces: list[Iterable[str]] = []
    before = "{"
    for name, values in zip(columns, zip(*chunk, strict=True), strict=True):
        quote, cells = _json_cells(name, values)
        pieces += (repeat(f"{before}{_json(name)}:{quote}"), cells)
        before = f"{quote},"
    pieces.append(repeat(before.replace(",", "}")))
    return map(str.encode, map("".join, zip(*pieces, strict=False)))


def _json_cells(name: str, values: Sequence[Any]) -> tuple[str, Sequence[str]]:
    """The quote to put around each value of one column, and the values. Stored JSON stays as it
    is: parsed into objects, a text of 64 KiB could take megabytes."""
    kinds = set(map(type, values))
    if kinds <= _SCALARS:
        return "", to_json(values)[1:-1].decode().split(",")
    if name in JSON_COLUMNS:
        return "", ["null" if value is None else value for value in values]
    if kinds == {str} and _is_plain("".join(values)):
        return '"', values
    return "", [_json(value) for value in values]


def _is_plain(text: str) -> bool:
    """Whether JSON writes the text as it is."""
    return text.isprintable() and '"' not in text and "\\" not in text


def _json(value: Any) -> str:
    return to_json(value).decode()


def _write_csv(
    file: BinaryIO,
    columns: Sequence[str],
    rows: Rows,
    cells: Callable[[Sequence[Any]], Sequence[str]],
) -> None:
    file.write(_records([[name] for name in columns]))
    file.writelines(
        _records([cells(values) for values in zip(*chunk, strict=True)])
        for chunk in in_chunks(columns, rows)
    )


def _records(columns: list[Sequence[str]]) -> bytes:
    """The lines of a chunk, from the cells of its columns. Each is encoded by itself, like
    `_objects`."""
    if len(columns) == 1:
        columns = [[cell or '""' for cell in columns[0]]]  # an empty line would not be a record
    lines = map(",".join, zip(*columns, strict=True))
    return b"\r\n".join(map(str.encode, lines)) + b"\r\n"


def _cells(values: Sequence[Any]) -> Sequence[str]:
    """The cells of one column, as the `csv` module writes them; booleans and JSON stay JSON."""
    kinds = set(map(type, values))
    if kinds == {str}:
        return [_quoted(value) for value in values] if _needs_quotes("\0".join(values)) else values
    if kinds <= _NUMBERS:
        numbers = to_json(values)[1:-1].decode()
        if (
            "e" not in numbers and "0.0000" not in numbers
        ):  # JSON has 1e22 and 0.00001, CSV 1e+22 and 1e-05
            return numbers.replace("null", "").split(",")
    return [_quoted(_text(value)) for value in values]


def _text(value: Any) -> str:
    """Floats by `repr`, so they keep every digit."""
    if value is None:
        return ""
    if isinstance(value, bool | dict | list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return repr(value) if isinstance(value, float) else str(value)


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if _needs_quotes(cell) else cell


def _needs_quotes(text: str) -> bool:
    return '"' in text or "," in text or "\n" in text or "\r" in text


def _guarded(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value
