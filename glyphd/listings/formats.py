"""Writing rows as JSON, CSV or NDJSON into a binary file, chunk by chunk.

A chunk is written column by column rather than cell by cell: most columns need no look at each of their values.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO

from pydantic_core import from_json, to_json

from glyphd.storage.rows import JSON_COLUMNS

CHUNK_ROWS = 1000
CONTENT_TYPES = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
}
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NUMBERS = frozenset({int, float, type(None)})

Rows = Iterable[Sequence[Any]]
WriteRows = Callable[[BinaryIO, Sequence[str], Rows], None]


def write_json(file: BinaryIO, columns: Sequence[str], rows: Rows) -> None:
    """One JSON array of objects."""
    separator = b"["
    for chunk in _chunks(rows):
        file.write(separator)
        file.write(to_json(_objects(columns, chunk))[1:-1])
        separator = b","
    file.write(b"[]" if separator == b"[" else b"]")


def write_ndjson(file: BinaryIO, columns: Sequence[str], rows: Rows) -> None:
    """One JSON object a line."""
    file.writelines(b"\n".join(map(to_json, _objects(columns, chunk))) + b"\n" for chunk in _chunks(rows))


def write_csv(file: BinaryIO, columns: Sequence[str], rows: Rows) -> None:
    """A header and a record a row, lines ending in CRLF as RFC 4180 has it; null is an empty cell."""
    _write_csv(file, columns, rows, _cells)


def write_safe_csv(file: BinaryIO, columns: Sequence[str], rows: Rows) -> None:
    """CSV in which no text starts a formula: an apostrophe is put in front of it."""
    _write_csv(file, columns, rows, lambda values: _cells([_guarded(value) for value in values]))


WRITERS: dict[str, WriteRows] = {"json": write_json, "csv": write_csv, "ndjson": write_ndjson}


def _objects(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    objects = [dict(zip(columns, row, strict=True)) for row in rows]
    for name in JSON_COLUMNS.intersection(columns):
        for found in objects:
            if found[name] is not None:
                found[name] = from_json(found[name])
    return objects


def _write_csv(
    file: BinaryIO, columns: Sequence[str], rows: Rows, cells: Callable[[Sequence[Any]], Sequence[str]]
) -> None:
    file.write(_records([[name] for name in columns]))
    file.writelines(_records([cells(values) for values in zip(*chunk, strict=True)]) for chunk in _chunks(rows))


def _records(columns: list[Sequence[str]]) -> bytes:
    """The lines of a chunk, from the cells of its columns."""
    if len(columns) == 1:
        columns = [[cell or '""' for cell in columns[0]]]  # an empty line would be no record at all
    lines = map(",".join, zip(*columns, strict=True))
    return ("\r\n".join(lines) + "\r\n").encode()


def _cells(values: Sequence[Any]) -> Sequence[str]:
    """The cells of one column, as the `csv` module writes them, but for booleans and JSON, which stay JSON."""
    kinds = set(map(type, values))
    if kinds == {str}:
        return [_quoted(value) for value in values] if _needs_quotes("\0".join(values)) else values
    if kinds <= _NUMBERS:
        numbers = to_json(values)[1:-1].decode()
        if "e" not in numbers and "0.0000" not in numbers:  # JSON has 1e22 and 0.00001, CSV 1e+22 and 1e-05
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


def _chunks(rows: Rows) -> Iterator[list[Sequence[Any]]]:
    remaining = iter(rows)
    while chunk := list(islice(remaining, CHUNK_ROWS)):
        yield chunk
