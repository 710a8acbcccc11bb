"""Offers added, removed and changed in the market between two moments."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from peewee import JOIN, OP, SQL, Case, Database, Expression, Select, fn

from glyphd.contracts.change_queries import MomentDiffKind, MomentDiffQuery
from glyphd.contracts.parameter_reading import pick_columns
from glyphd.db.archive_models import ImportBatch, ScoredListing
from glyphd.db.dialects import stream, uncommitted
from glyphd.history.differences import change_pct, difference
from glyphd.history.import_diff import CHANGED_COLUMNS, DiffCounts
from glyphd.listings.cursors import read_cursor
from glyphd.listings.results import Page, RowStream, cut_page
from glyphd.storage.complete_files import left_out_at
from glyphd.storage.knowledge import Knowledge
from glyphd.storage.offers import (
    all_of,
    gone_at,
    identity_of,
    is_from_same,
    is_indistinct,
    is_nameless,
    is_observation,
)
from glyphd.storage.result_rows import RESULT_COLUMNS, SELECTABLE_COLUMNS, convert_rows, select_rows

MOVED_COLUMNS = (*CHANGED_COLUMNS[:-2], "old_import_id", "new_import_id")
_DESCRIBED = MOVED_COLUMNS[:6]
_OTHER = ScoredListing.alias("then")
_MATE = ScoredListing.alias("group_mate")
_PAIR = ScoredListing.alias("group_pair")
_LATEST = ScoredListing.alias("latest_then")
_GROUPED = ScoredListing.alias("grouped")
_BATCH = ImportBatch.alias("batch_of_offer")

UNCHANGED, CHANGED, MISSING, GONE = "unchanged", "changed", "missing", "gone"
"""The possible outcomes of an offer from one moment to another; a gone offer is known, but not
offered."""

_OUTCOMES = {
    "added": [MISSING, GONE],
    "removed": [MISSING, GONE],
    "changed": [CHANGED],
    "gone": [GONE],
}


@dataclass(frozen=True)
class MomentCounts(DiffCounts):
    """The number of offers of each kind; gone offers are also counted as removed."""

    gone: int


@dataclass(frozen=True)
class Market:
    """What the market showed at one moment. The conditions are for any alias of the events."""

    known: Knowledge

    def shows(self, event: Any) -> Any:
        """Condition: the event was the latest of its listing, and its offer not gone."""
        return (event.id == self.latest_of(event)) & self.still_offers(event)

    def still_offers(self, event: Any) -> Any:
        """Condition for the latest event of a listing: its offer was not gone."""
        offered = gone_at(event, self.known.counting).is_null()
        if self.known.has_complete_files:
            offered &= ~fn.EXISTS(left_out_at(event, self.known.complete_files()))
        return offered

    def latest_of(self, event: Any) -> Any:
        """Query for the id of the listing's latest observation that counted."""
        query = _LATEST.select(_LATEST.id).where(
            _LATEST.first_event_id == event.first_event_id, is_observation(_LATEST)
        )
        counting = self.known.counting(_LATEST)
        query = query.where(*counting) if counting else query
        return query.order_by(_LATEST.seen_at.desc(), _LATEST.id.desc()).limit(1)

    def is_indistinct(self, event: Any) -> Any:
        """Condition: the event could not be matched to one offer."""
        of_event = _BATCH.select(fn.COALESCE(_BATCH.source, "")).where(
            _BATCH.import_id == event.import_id
        )
        has_no_source = Expression(of_event, OP.EQ, "")
        return is_indistinct(event, has_no_source, self.known.counting)


@dataclass(frozen=True)
class Pairing:
    """Finds which offers of one market the other market shows too.

    An offer that was distinct at both moments is paired with itself. If offers of its identity were
    indistinct at either moment, offers of equal price are paired as far as both markets have them.
    """

    here: Market
    there: Market

    def join(self, query: Select) -> Select:
        """The query over the offers of this market, joined with each one's latest observation in
        the other."""
        latest = self.there.latest_of(ScoredListing)
        joined = query.join_from(ScoredListing, _OTHER, JOIN.LEFT_OUTER, on=(_OTHER.id == latest))  # type: ignore[attr-defined]
        found: Select = joined.where(self.here.known.is_current())
        return found

    @property
    def outcome(self) -> Any:
        """Expression: the outcome of the offer in the other market."""
        differs = (_OTHER.price_usd != ScoredListing.price_usd) | (
            _OTHER.score != ScoredListing.score
        )
        is_known = _OTHER.id.is_null(False) & ~self.there.still_offers(_OTHER)
        missing = Case(None, [(is_known, GONE)], MISSING)
        among_equals = Case(None, [(self._has_equal, UNCHANGED)], missing)
        paired = Case(None, [(differs, CHANGED)], UNCHANGED)
        cases = [
            (self._is_special & self._is_mixed, among_equals),
            (self._is_same_offer, paired),
        ]
        return Case(None, cases, missing)

    @property
    def _is_same_offer(self) -> Any:
        in_thread = ScoredListing.source_url.is_null(False) | is_from_same(_OTHER, ScoredListing)
        return all_of(
            _OTHER.id.is_null(False),
            in_thread,
            self.there.still_offers(_OTHER),
            ~self.here.is_indistinct(ScoredListing),
            ~self.there.is_indistinct(_OTHER),
        )

    @property
    def _is_special(self) -> Any:
        """Condition: the identity ever had several offers, or does not name whose offer it is."""
        mates = _GROUPED.select(SQL("1")).where(_GROUPED.group_id == identity_of(ScoredListing))
        return fn.EXISTS(mates) | is_nameless(ScoredListing, SQL("1 = 1"))

    @property
    def _is_mixed(self) -> Any:
        """Condition: an offer of the identity was indistinct at one of the moments."""
        found = (
            _PAIR.select(SQL("1")).where(
                _is_of_identity(_PAIR), market.shows(_PAIR), market.is_indistinct(_PAIR)
            )
            for market in (self.here, self.there)
        )
        here, there = map(fn.EXISTS, found)
        return here | there

    @property
    def _has_equal(self) -> Any:
        """Condition: the other market has more offers of this price than precede this one."""
        counts = []
        for market, event in ((self.here, _MATE), (self.there, _PAIR)):
            equal = event.select(fn.COUNT(SQL("*"))).where(
                _is_of_identity(event),
                event.price_usd == ScoredListing.price_usd,
                ScoredListing.source_url.is_null(False) | is_from_same(event, ScoredListing),
                market.shows(event),
            )
            counts.append(equal)
        before, others = counts
        return before.where(_MATE.ordinal < ScoredListing.ordinal) < others


class MomentList:
    """One list of a difference, the latest imports first: a `Result`."""

    def __init__(
        self, database: Database, query: MomentDiffQuery, kind: MomentDiffKind, pairing: Pairing
    ) -> None:
        self._database = database
        self._kind = kind
        self._pairing = pairing
        self._cursor = query.cursor
        self._identity = ["moments", kind, query.from_, query.to]
        known = MOVED_COLUMNS if kind == "changed" else SELECTABLE_COLUMNS
        default = None if kind == "changed" else RESULT_COLUMNS
        self.columns = pick_columns(query.fields, known, default)

    def everything(self) -> RowStream:
        for _, row in self._read(self._select()):
            yield row

    def page(self, limit: int) -> Page:
        query = self._select()
        if self._cursor is not None:
            (before,) = read_cursor(self._identity, self._cursor, (int,))
            query = query.where(ScoredListing.id < before)
        rows = self._read(query.limit(limit + 1))
        return cut_page(self.columns, (([at], row) for at, row in rows), limit, self._identity)

    def _read(self, query: Select) -> Iterator[tuple[int, list[Any]]]:
        """The rows with the ids of their events, by which they are ordered."""
        with uncommitted(self._database):
            ordered = query.order_by(ScoredListing.id.desc())
            for *row, event_id in self._rows(stream(self._database, ordered)):
                yield event_id, row

    def _select(self) -> Select:
        pairing = self._pairing
        if self._kind == "changed":
            described = (getattr(ScoredListing, name) for name in _DESCRIBED)
            old, new = (
                (row.price_usd, row.score, row.import_id) for row in (_OTHER, ScoredListing)
            )
            rows: Select = ScoredListing.select(*described, *old, *new, ScoredListing.id)
        else:
            rows = select_rows([*self.columns, "id"], pairing.here.known)
        return pairing.join(rows).where(pairing.outcome.in_(_OUTCOMES[self._kind]))

    def _rows(self, found: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
        if self._kind != "changed":
            yield from convert_rows([*self.columns, "id"], found)
            return
        positions = [MOVED_COLUMNS.index(name) for name in self.columns]
        for values in found:
            row = _moved_row(values)
            yield [*(row[at] for at in positions), values[-1]]


def count_moments(database: Database, old: Market, new: Market) -> MomentCounts:
    """The counts of a difference."""
    after, before = _count(database, Pairing(new, old)), _count(database, Pairing(old, new))
    return MomentCounts(
        added=after[MISSING] + after[GONE],
        removed=before[MISSING] + before[GONE],
        changed=after[CHANGED],
        unchanged=after[UNCHANGED],
        gone=before[GONE],
    )


def list_moments(
    database: Database, query: MomentDiffQuery, kind: MomentDiffKind, old: Market, new: Market
) -> MomentList:
    """The list of one kind, with the requested columns. Raises InvalidParameter for unknown
    ones."""
    pairing = Pairing(new, old) if kind in ("added", "changed") else Pairing(old, new)
    return MomentList(database, query, kind, pairing)


def _count(database: Database, pairing: Pairing) -> Counter[str]:
    """How many offers the market shows, by their outcome."""
    outcomes: Select = pairing.join(ScoredListing.select(pairing.outcome.alias("outcome")))
    found = outcomes.alias("found")
    query = found.select_from(found.c.outcome, fn.COUNT(SQL("*"))).group_by(found.c.outcome)
    return Counter(dict(database.execute(query).fetchall()))


def _is_of_identity(event: Any) -> Any:
    """Condition: the event is of the same identity; written as two look-ups in indexes."""
    identity = identity_of(ScoredListing)
    return (event.first_event_id == identity) | (event.group_id == identity)


def _moved_row(values: Sequence[Any]) -> list[Any]:
    """MOVED_COLUMNS: the columns that describe the offer, and price, score and import before and
    after."""
    listing_id, *described = values[: len(_DESCRIBED)]
    old_price, old_score, old_import, new_price, new_score, new_import = values[
        len(_DESCRIBED) : -1
    ]
    prices = [
        old_price,
        new_price,
        difference(old_price, new_price),
        change_pct(old_price, new_price),
    ]
    scores = [old_score, new_score, difference(old_score, new_score)]
    return [bytes(listing_id).hex(), *described, *prices, *scores, old_import, new_import]
