"""Rows returned from the archive: their columns, where each comes from, and its Python value."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from peewee import JOIN, Database, Select

from glyphd.contracts.cells import BooleanCell, JsonCell
from glyphd.contracts.columns import COLUMN, COLUMN_NAMES, EXTRA, OWN_COLUMNS
from glyphd.contracts.extras import ExtraCell
from glyphd.db.archive_models import ImportBatch, ScoredListing
from glyphd.storage.knowledge import Knowledge
from glyphd.storage.timelines import Along

RESULT_COLUMNS = (*COLUMN_NAMES, *OWN_COLUMNS)
"""The columns of a returned row, in this order."""

SELECTABLE_COLUMNS = (*RESULT_COLUMNS, EXTRA)
"""The columns that can be requested by name."""

JSON_COLUMNS = frozenset(
    name for name, column in COLUMN.items() if isinstance(column.cell, JsonCell | ExtraCell)
)
"""Columns that are stored as JSON text and returned as JSON."""

_FROM_BATCH = ("imported_at", "rolled_back_at", "source")
CHUNK_ROWS = 1000
CHUNK_BYTES = 4 * 1024 * 1024
"""A chunk of rows ends at either limit. Only JSON is counted, because a thousand rows have little
other text."""
_MEASURED_ROWS = 50


def _flag(stored: int | None) -> bool | None:
    return None if stored is None else bool(stored)


def _hex(stored: bytes) -> str:
    return bytes(stored).hex()


_CONVERSIONS: Mapping[str, Callable[[Any], Any]] = {
    name: _flag for name, column in COLUMN.items() if isinstance(column.cell, BooleanCell)
} | {"listing_id": _hex, "is_lowest": _flag}


def select_rows(
    columns: Sequence[str],
    known: Knowledge,
    along: Along | None = None,
    computed: Mapping[str, Any] | None = None,
) -> Select:
    """A select of these result columns from the events, in an order or in stored order; joins the
    batches if a column needs them. `computed` are expressions of other columns."""
    given = computed or {}
    values = [given[name] if name in given else _expression(name, known) for name in columns]
    named = zip(columns, values, strict=True)
    query = ScoredListing.select(*(value.alias(name) for name, value in named))
    if along is not None:
        query = query.from_(along)
    if any(name in _FROM_BATCH for name in columns):
        query = query.join(
            ImportBatch, JOIN.INNER, on=(ImportBatch.import_id == ScoredListing.import_id)
        )
    return query


def convert_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    """Converts stored values to those for clients; JSON stays text."""
    found = [(at, _CONVERSIONS[name]) for at, name in enumerate(columns) if name in _CONVERSIONS]
    if not found:
        yield from rows
        return
    for row in rows:
        converted = list(row)
        for at, convert in found:
            converted[at] = convert(converted[at])
        yield converted


def in_chunks(
    columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> Iterator[list[Sequence[Any]]]:
    """The rows in chunks that take little memory, even with large JSON."""
    of_json = [at for at, name in enumerate(columns) if name in JSON_COLUMNS]
    remaining = iter(rows)
    chunk: list[Sequence[Any]] = []
    size = 0
    while some := list(islice(remaining, _MEASURED_ROWS)):
        chunk += some
        for at in of_json:
            size += sum([len(row[at]) for row in some if row[at]])
        if len(chunk) >= CHUNK_ROWS or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def as_object(columns: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    """A converted row by its columns, with its JSON as values."""
    found = dict(zip(columns, row, strict=True))
    for name in JSON_COLUMNS.intersection(columns):
        found[name] = None if found[name] is None else json.loads(found[name])
    return found


def read_rows(database: Database, query: Select, columns: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of a query made by `select_rows`, as dictionaries."""
    return [as_object(columns, row) for row in convert_rows(columns, database.execute(query))]


def _expression(name: str, known: Knowledge) -> Any:
    if name == "first_seen_at":
        return known.first_seen_at()
    if name == "rolled_back_at":
        return known.rolled_back_at()
    if name == "gone_at":
        return known.gone_at()
    if name in ("imported_at", "source"):
        return ImportBatch._meta.columns[name]
    return ScoredListing._meta.columns[name]
