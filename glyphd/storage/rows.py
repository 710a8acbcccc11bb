"""Rows as the archive gives them: which columns there are, where each comes from, and its Python value."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from peewee import JOIN, Database, Select

from glyphd.contracts.listings import COLUMN_NAMES
from glyphd.db.archive_models import ImportBatch, ScoredListing
from glyphd.storage.knowledge import Knowledge
from glyphd.times import shown_time

RESULT_COLUMNS = (
    *COLUMN_NAMES,
    "listing_id",
    "import_id",
    "import_index",
    "line",
    "first_seen_at",
    "imported_at",
    "rolled_back_at",
    "schema_version",
)
"""What a row has when the service returns it, in this order."""

_FROM_BATCH = ("imported_at", "rolled_back_at")


def _time(stored: str | None) -> str | None:
    return shown_time(stored)


def _json(stored: str | None) -> Any:
    return None if stored is None else json.loads(stored)


def _flag(stored: Any) -> bool | None:
    return None if stored is None else bool(stored)


def _hex(stored: bytes) -> str:
    return bytes(stored).hex()


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "nvlink": _flag,
    "heuristics": _json,
    "seen_at": _time,
    "listing_id": _hex,
    "first_seen_at": _time,
    "imported_at": _time,
    "rolled_back_at": _time,
}


def select_rows(columns: Sequence[str], known: Knowledge) -> Select:
    """A select of these result columns from the events; joins the batches when a column needs them."""
    query = ScoredListing.select(*(_expression(name, known).alias(name) for name in columns))
    if any(name in _FROM_BATCH for name in columns):
        query = query.join(ImportBatch, JOIN.INNER, on=(ImportBatch.import_id == ScoredListing.import_id))
    return query


def convert_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[list[Any]]:
    """Stored values to what clients get, row by row."""
    conversions = [(at, _CONVERSIONS[name]) for at, name in enumerate(columns) if name in _CONVERSIONS]
    for row in rows:
        values = list(row)
        for at, convert in conversions:
            values[at] = convert(values[at])
        yield values


def read_rows(database: Database, query: Select, columns: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of a query made by `select_rows`, as dictionaries."""
    return [dict(zip(columns, values, strict=True)) for values in convert_rows(columns, database.execute(query))]


def _expression(name: str, known: Knowledge) -> Any:
    if name == "first_seen_at":
        return known.first_seen_at()
    if name == "rolled_back_at":
        return known.rolled_back_at()
    if name == "imported_at":
        return ImportBatch.imported_at
    return ScoredListing._meta.columns[name]
