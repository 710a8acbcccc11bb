"""For a few columns, how many matching listings have each value, to help choosing a filter."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from peewee import Database

from glyphd.contracts.queries import ListingQuery
from glyphd.db.archive_models import ImportBatch, ScoredListing
from glyphd.history.groupings import GroupKeys
from glyphd.listings.search import Search

FACETS = ("model", "region", "condition", "seller", "source_type", "source")
MOST_VALUES = 6


class Facet(NamedTuple):
    """A column with its most frequent values and how many listings have each, and how many values
    are left out."""

    column: str
    values: list[tuple[str, int]]
    others: int


def count_facets(database: Database, asked: ListingQuery, most: int) -> list[Facet] | None:
    """The columns of which the matching listings have several values, or that are filtered; None if
    more than `most` listings match. Texts are compared as in statistics."""
    groups = GroupKeys(database, FACETS)
    rows = Search(database, asked).matching(*groups.columns())
    rows = rows.join(ImportBatch, on=(ImportBatch.import_id == ScoredListing.import_id))
    found = database.execute(rows.limit(most + 1)).fetchall()
    if len(found) > most:
        return None
    facets = (_facet(name, place, found) for place, name in enumerate(FACETS))
    return [facet for facet in facets if len(facet.values) > 1 or getattr(asked, facet.column)]


def _facet(column: str, place: int, rows: Sequence[Sequence[Any]]) -> Facet:
    """The facets from rows that have the keys of FACETS, then their spellings."""
    counts: Counter[str] = Counter(row[place] for row in rows)
    del counts[""]
    frequent = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    spellings: dict[str, str] = {}
    for row in rows:
        key, spelling = row[place], row[len(FACETS) + place]
        spellings[key] = min(spelling, spellings.get(key, spelling)) if key else ""
    values = [(spellings[key], count) for key, count in frequent[:MOST_VALUES]]
    return Facet(column, values, len(frequent) - len(values))
