"""Conditions on events, as Peewee expressions. One table is used by the store, the HTTP filters and
their documentation."""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import and_, or_
from typing import Any

from peewee import OP, Database, Expression, Field, Select, fn

from glyphd.contracts.texts import fold_ascii
from glyphd.db.archive_models import ImportBatch, ListingKey, ScoredListing
from glyphd.db.dialects import caseless, caseless_value, contains_caseless

Predicate = Callable[[Database, Any], Expression]
_SEARCHED = ("title", "seller", "region")
"""The searched texts besides the model, which every row has."""


def _any_of(column: str) -> Predicate:
    """Equal to one of the values, ignoring ASCII case."""

    def build(database: Database, values: Sequence[str]) -> Expression:
        return _equals_any(database, ScoredListing._meta.columns[column], values)

    return build


def _from_source(database: Database, values: Sequence[str]) -> Expression:
    named = _equals_any(database, ImportBatch.source, values)
    return ScoredListing.import_id.in_(ImportBatch.select(ImportBatch.import_id).where(named))


def _equals_any(database: Database, column: Field, values: Sequence[str]) -> Expression:
    """One IN rather than ORs: SQLite's parser fails on a chain of a hundred ORs."""
    return Expression(
        caseless(database, column), OP.IN, [caseless_value(database, value) for value in values]
    )


def _has_words(database: Database, text: str) -> Expression:
    """Each word occurs in one of the searched texts, which are joined by a separator that no word
    contains."""
    searched: Any = ScoredListing.model
    for name in _SEARCHED:
        text_of_row = fn.COALESCE(ScoredListing._meta.columns[name], "")
        searched = searched.concat("\n").concat(text_of_row)
    words = [
        reduce(or_, (contains_caseless(database, searched, form) for form in _forms(word)))
        for word in text.split()
    ]
    found: Expression = reduce(and_, words)
    return found


def _forms(word: str) -> dict[str, None]:
    """The usual ways to write a word; those that differ only in ASCII letters count as one.
    Databases do not agree on the case of other letters."""
    return dict.fromkeys(map(fold_ascii, (word, word.lower(), word.upper(), word.capitalize())))


def is_of_listing(listing_id: bytes) -> Expression:
    """Condition: the event belongs to this listing."""
    first = ListingKey.select(ListingKey.first_event_id).where(ListingKey.listing_id == listing_id)
    found: Expression = ScoredListing.first_event_id == first
    return found


PREDICATES: Mapping[str, Predicate] = {
    "model": _any_of("model"),
    "region": _any_of("region"),
    "condition": _any_of("condition"),
    "seller": _any_of("seller"),
    "source_type": _any_of("source_type"),
    "source": _from_source,
    "model_contains": lambda database, text: contains_caseless(database, ScoredListing.model, text),
    "q": _has_words,
    "min_score": lambda database, value: ScoredListing.score >= value,
    "max_score": lambda database, value: ScoredListing.score <= value,
    "min_price": lambda database, value: ScoredListing.price_usd >= value,
    "max_price": lambda database, value: ScoredListing.price_usd <= value,
    "min_vram_gb": lambda database, value: ScoredListing.vram_gb >= value,
    "after": lambda database, value: ScoredListing.seen_at > value,
    "before": lambda database, value: ScoredListing.seen_at < value,
    "import_id": lambda database, import_ids: ScoredListing.import_id.in_(list(import_ids)),
}


def restrict(query: Select, database: Database, wanted: Mapping[str, Any]) -> Select:
    """The query with a condition for each filter that has a value."""
    for name, value in wanted.items():
        if value not in (None, [], ()):
            query = query.where(PREDICATES[name](database, value))
    return query
