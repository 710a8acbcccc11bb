"""A cache of results for models and pairs of imports until the archive changes, shared by API and
pages."""

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from sys import getsizeof
from threading import Condition
from typing import Any, TypeVar

from cachetools import LRUCache, cached
from peewee import Database

from glyphd.contracts.queries import Gone
from glyphd.contracts.texts import clean_text, fold_ascii
from glyphd.db.archive_versions import archive_version
from glyphd.history.import_diff import DiffCounts, count_diff
from glyphd.history.kept_answers import SOURCE_TOTALS, kept_answer
from glyphd.history.market_models import KEPT_MODELS, find_model
from glyphd.history.matching import Brought
from glyphd.history.moment_diff import Market, MomentCounts, count_moments
from glyphd.history.price_trends import (
    KEPT_TRENDS,
    MOST_EVENTS,
    Missing,
    Trends,
    compute_trends,
    trends_from_json,
    trends_to_json,
)
from glyphd.history.series import Key, Series, SeriesRow
from glyphd.history.source_totals import SourceTotal, source_totals
from glyphd.history.value_hints import values_in_market
from glyphd.listings.cursors import read_cursor
from glyphd.listings.results import Page, RowStream, cut_page

KEPT_BYTES = 32 * 1024 * 1024
MOST_ROWS = 10_000
"""Longer series are read from the archive each time."""
_BYTES_OF_AN_ENTRY = 1024

Value = TypeVar("Value")


class NotKeptYet(Exception):
    """A worker has not stored the answer for this state of the archive."""


class RememberedHistory:
    """One cache for each archive. The caller holds the connection.

    Each result is cached by its name and the state of the archive. If another thread is already
    computing a result, the caller waits for it.
    """

    def __init__(self, archive: Database) -> None:
        self._archive = archive
        answers: LRUCache[Hashable, Any] = LRUCache(KEPT_BYTES, getsizeof=_size_of)
        self._answer = cached(
            answers, key=lambda name, version, compute: (name, version), condition=Condition()
        )(_compute)

    def find_model(
        self, name: str, as_of: str | None = None, gone: Gone = "exclude"
    ) -> SeriesRow | None:
        """The row of one model, named as in a path; None if it has no current listing."""
        name = clean_text(name)
        if "\0" in name:
            return None
        return self.kept(
            ("model", fold_ascii(name), as_of, gone),
            lambda: self._find_model(name, as_of, gone),
        )

    def source_totals(self) -> dict[str, SourceTotal]:
        """The archive's totals for each source, by its folded name."""
        return self.kept(SOURCE_TOTALS, self._source_totals)

    def price_trends(self, as_of: str | None = None) -> Trends:
        """How the prices of all models moved lately; None without an observation."""
        if as_of is None:
            with suppress(NotKeptYet):
                return trends_from_json(self.kept(KEPT_TRENDS, self._kept_trends))
        found = trends_from_json(self.kept((KEPT_TRENDS, as_of), lambda: self._trends(as_of)))
        return Missing.LATER if found is Missing.TOO_MANY and as_of is None else found

    def count_diff(self, old: Brought, new: Brought) -> DiffCounts:
        """The counts of the difference between two imports."""
        names = ("diff", old.import_id, new.import_id)
        return self.kept(names, lambda: count_diff(self._archive, old, new))

    def values(self, name: str) -> list[str]:
        """The values of a column in current listings, in alphabetical order."""
        return self.kept(("values", name), lambda: values_in_market(self._archive, name))

    def count_moments(self, old: Market, new: Market) -> MomentCounts:
        """The counts between two moments."""
        names = ("moments", old.known.as_of, new.known.as_of)
        return self.kept(names, lambda: count_moments(self._archive, old, new))

    def rows(
        self, series: Series, after: Key | None = None, limit: int | None = None
    ) -> Iterable[SeriesRow]:
        """The rows as returned by `series.read`."""
        small = self.kept(("series", series.name), lambda: self._rows(series))
        if small is None:
            return series.read(after, limit)
        if after is not None:
            place = series.folded(after)
            start = bisect_right(small, place, key=lambda row: series.folded(series.key_of(row)))
            small = small[start:]
        return small[:limit]

    def _rows(self, series: Series) -> list[SeriesRow] | None:
        """All rows, or None if there are too many to cache."""
        kept = kept_answer(self._archive, series.kept_as) if series.kept_as is not None else None
        return small_rows(series) if kept is None else kept

    def _find_model(self, name: str, as_of: str | None, gone: Gone) -> SeriesRow | None:
        is_present = as_of is None and gone == "exclude"
        kept = kept_answer(self._archive, KEPT_MODELS) if is_present else None
        if kept is None:
            return find_model(self._archive, name, as_of, gone)
        return next((row for row in kept if fold_ascii(row[0]) == fold_ascii(name)), None)

    def _kept_trends(self) -> Any:
        """Raises NotKeptYet, so that the next request looks again."""
        kept = kept_answer(self._archive, KEPT_TRENDS)
        if kept is None:
            raise NotKeptYet
        return kept

    def _trends(self, as_of: str | None) -> Any:
        return trends_to_json(compute_trends(self._archive, as_of, most=MOST_EVENTS))

    def _source_totals(self) -> dict[str, SourceTotal]:
        kept = kept_answer(self._archive, SOURCE_TOTALS)
        if kept is None:
            return source_totals(self._archive)
        return {name: SourceTotal(**total) for name, total in kept.items()}

    def kept(self, name: Hashable, compute: Callable[[], Value]) -> Value:
        """The result of `compute`, from the cache if it was computed in this state of the
        archive."""
        found: Value = self._answer(name, archive_version(self._archive), compute)
        return found


class RememberedSeries:
    """A series as a `Result`."""

    def __init__(self, series: Series, remembered: RememberedHistory, cursor: str | None) -> None:
        self.columns = series.columns
        self._series = series
        self._remembered = remembered
        self._cursor = cursor

    def page(self, limit: int) -> Page:
        identity = [self._series.name]
        series = self._series
        after = read_cursor(identity, self._cursor, series.key_kinds) if self._cursor else None
        rows = self._remembered.rows(series, after, limit + 1)
        return cut_page(self.columns, ((series.key_of(row), row) for row in rows), limit, identity)

    def everything(self) -> RowStream:
        yield from self._remembered.rows(self._series)


def _compute(name: Hashable, version: str, compute: Callable[[], Any]) -> Any:
    return compute()


def small_rows(series: Series) -> list[SeriesRow] | None:
    """All rows, or None if there are too many to cache."""
    found = list(series.read(limit=MOST_ROWS + 1))
    return found if len(found) <= MOST_ROWS else None


def _size_of(answer: Any) -> int:
    """The approximate memory of a result."""
    return _BYTES_OF_AN_ENTRY + _bytes_of(answer)


def _bytes_of(value: Any) -> int:
    parts = value if isinstance(value, list | tuple) else ()
    return getsizeof(value) + sum(map(_bytes_of, parts))
