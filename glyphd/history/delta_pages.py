"""Deltas: the changes of price or score between successive observations of a listing, newest first.

Each event has a `change_step` that says how far the price moved, indexed in time order within a
step. So a page is a merge of a few short index scans, whether many changes match or hardly any.
"""

from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

from peewee import JOIN, Database, Select

from glyphd.contracts.change_queries import DeltaQuery
from glyphd.db.absence_models import OfferBack, OfferGone
from glyphd.db.archive_models import ScoredListing
from glyphd.db.dialects import uncommitted
from glyphd.history.differences import PERCENT_DECIMALS, change_pct, difference
from glyphd.history.gone_deltas import gone_offers, returned_offers
from glyphd.history.matching import event_range
from glyphd.listings.cursors import read_cursor
from glyphd.listings.results import Page, RowStream, cut_page
from glyphd.storage.change_steps import NEW_STEP, may_have_moved, steps_from
from glyphd.storage.knowledge import present
from glyphd.storage.offers import previous_observation
from glyphd.storage.predicates import restrict
from glyphd.storage.timelines import CHANGE_TIMELINE

DELTA_COLUMNS = (
    "listing_id",
    "model",
    "region",
    "source_url",
    "seller",
    "previous_price_usd",
    "price_usd",
    "price_delta",
    "price_delta_pct",
    "score_delta",
    "previous_seen_at",
    "timestamp",
    "previous_import_id",
    "import_id",
    "kind",
)
Position = tuple[str, int]
"""The moment and the id of an event."""

Candidate = tuple[str, int, str]
"""The moment and the id of an event, and its kind: MOVED, BACK, or the id of the complete file
because of which its offer is gone."""

MOVED, BACK, GONE = "", "back", "gone"
STREAM_ROWS = 1000
MOST_COMPARED = 2000
_PERCENT = DELTA_COLUMNS.index("price_delta_pct")
_FILTERS = {"model", "region", "seller", "after", "before"}
_MOVES = ("price", "score")
_ROUNDING = 10.0**-PERCENT_DECIMALS
_PREVIOUS = ScoredListing.alias("previous")


class Deltas:
    """One query on one database: a `Result`."""

    columns = DELTA_COLUMNS

    def __init__(self, database: Database, query: DeltaQuery) -> None:
        self._database = database
        self._query = query
        self._known = present(database)
        self._ranges = [
            event_range(database, import_id) for import_id in dict.fromkeys(query.import_id)
        ]

    def page(self, limit: int) -> Page:
        return cut_page(self.columns, self._from(self._start(), limit + 1), limit, self._identity())

    def everything(self) -> RowStream:
        with uncommitted(self._database):
            yield from (row for _, row in self._from(None, STREAM_ROWS))

    def largest(self, limit: int) -> Page:
        """The largest price changes first. Only the MOST_COMPARED newest of each step are
        compared."""
        found: list[list[Any]] = []
        for step in reversed(self._steps):
            ids = [event_id for _, event_id, _ in self._scan(step, None, MOST_COMPARED)]
            rows = [_delta(row, self._kinds) for row in self._looked_up(ids).values()]
            moved = [row for row in rows if row[_PERCENT] and self._is_wanted(row)]
            found += sorted(moved, key=lambda row: -abs(row[_PERCENT]))
            if len(found) >= limit:
                break
        return Page(self.columns, found[:limit], None)

    def _start(self) -> Position | None:
        if self._query.cursor is None:
            return None
        seen_at, event_id = read_cursor(self._identity(), self._query.cursor, (str, int))
        return seen_at, event_id

    def _from(
        self, position: Position | None, at_once: int
    ) -> Iterator[tuple[Position, list[Any]]]:
        """Deltas after a position, looked up in batches of this size."""
        while True:
            candidates = self._candidates(position, at_once)
            rows = self._looked_up([event_id for _, event_id, _ in candidates])
            for timestamp, event_id, how in _each_once(candidates):
                delta = _delta(_told(rows[event_id], timestamp, how), self._kinds)
                if self._is_wanted(delta):
                    yield (timestamp, event_id), delta
            if len(candidates) < at_once:
                return
            position = candidates[-1][:2]

    def _candidates(self, position: Position | None, limit: int) -> list[Candidate]:
        """The next events, newest first, whose change is at least about this large."""
        scans: list[list[Candidate]] = []
        if not self._query.import_id or any(self._ranges):
            scans += [self._scan(step, position, limit) for step in self._steps]
            scans += [self._returned(position, limit)] if self._may_leave("back") else []
        if self._may_leave("gone"):
            scans.append(self._gone(position, limit))
        return list(islice(merge(*scans, reverse=True), limit))

    def _may_leave(self, kind: str) -> bool:
        """Whether the list may have deltas of this kind, which match no percentage and no
        direction."""
        is_plain = not (self._query.direction or self._least_percent)
        return kind in self._kinds and is_plain and self._known.has_complete_files

    @property
    def _kinds(self) -> tuple[str, ...]:
        return tuple(self._query.kind) or _MOVES

    @property
    def _steps(self) -> list[int]:
        """The steps that can have the requested deltas. A new offer has neither a percentage nor a
        direction."""
        steps: list[int] = []
        if not set(self._kinds).isdisjoint(_MOVES):
            steps += steps_from(self._least_percent)
        if "new" in self._kinds and not (self._query.direction or self._least_percent):
            steps.append(NEW_STEP)
        return steps

    @property
    def _least_percent(self) -> float:
        """The requested percentage, minus what rounding of the shown percentages can add."""
        return max((self._query.min_price_change_pct or 0) - _ROUNDING, 0)

    def _scan(self, step: int, position: Position | None, limit: int) -> list[Candidate]:
        """The events of one step, in two plain range scans after a position."""
        events = ScoredListing.select(ScoredListing.seen_at, ScoredListing.id).from_(
            CHANGE_TIMELINE
        )
        of_step = events.where(ScoredListing.change_step == step)
        query = restrict(of_step, self._database, self._query.model_dump(include=_FILTERS))
        if self._ranges:
            query = query.where(_in_ranges(ScoredListing.id, self._ranges))
        moved = list(self._moved(step))
        query = self._with_previous(query).where(*moved) if moved else query
        key = (ScoredListing.seen_at, ScoredListing.id)
        return [(*found, MOVED) for found in self._next(query, key, position, limit)]

    def _gone(self, position: Position | None, limit: int) -> list[Candidate]:
        """The last observations of offers before they were gone."""
        key = (OfferGone.gone_at, OfferGone.event_id)
        return self._next(gone_offers(self._database, self._query), key, position, limit)

    def _returned(self, position: Position | None, limit: int) -> list[Candidate]:
        """The observations that listed gone offers again."""
        query = returned_offers(self._database, self._query)
        key = (OfferBack.seen_at, OfferBack.event_id)
        if self._ranges:
            query = query.where(_in_ranges(OfferBack.event_id, self._ranges))
        return [(*found, BACK) for found in self._next(query, key, position, limit)]

    def _next(
        self, query: Select, key: tuple[Any, Any], position: Position | None, limit: int
    ) -> list[Any]:
        """The rows after a position, by the moment and the id that are the key, in two plain range
        scans."""
        moment, event_id = key
        ordered = query.order_by(moment.desc(), event_id.desc())
        if position is None:
            return self._fetch(ordered, limit)
        found = self._fetch(ordered.where(moment == position[0], event_id < position[1]), limit)
        if len(found) < limit:
            found += self._fetch(ordered.where(moment < position[0]), limit - len(found))
        return found

    def _moved(self, step: int) -> Iterator[Any]:
        """The conditions on an event and its predecessor; only the lowest step also has smaller
        changes."""
        if step == NEW_STEP:
            return
        if self._least_percent and step == steps_from(self._least_percent).start:
            yield may_have_moved(_PREVIOUS, ScoredListing, self._least_percent)
        asked = [name for name in _MOVES if name in self._kinds]
        column = "price_usd" if "price" in asked else "score"
        now, before = getattr(ScoredListing, column), getattr(_PREVIOUS, column)
        if self._query.direction is not None:
            yield now > before if self._query.direction == "up" else now < before
        elif len(asked) < len(_MOVES):
            yield now != before

    def _fetch(self, query: Select, limit: int) -> list[Any]:
        return list(self._database.execute(query.limit(limit)).fetchall())

    def _looked_up(self, event_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
        """The events by their ids, each with its predecessor."""
        columns = {
            "id": ScoredListing.id,
            "listing_id": ScoredListing.listing_id,
            "model": ScoredListing.model,
            "region": ScoredListing.region,
            "source_url": ScoredListing.source_url,
            "seller": ScoredListing.seller,
            "previous_price_usd": _PREVIOUS.price_usd,
            "price_usd": ScoredListing.price_usd,
            "previous_score": _PREVIOUS.score,
            "score": ScoredListing.score,
            "previous_seen_at": _PREVIOUS.seen_at,
            "timestamp": ScoredListing.seen_at,
            "previous_import_id": _PREVIOUS.import_id,
            "import_id": ScoredListing.import_id,
        }
        query = ScoredListing.select(*columns.values()).where(ScoredListing.id.in_(list(event_ids)))
        rows = self._database.execute(self._with_previous(query))
        return {row[0]: dict(zip(columns, row, strict=True)) for row in rows}

    def _with_previous(self, query: Select) -> Select:
        before = previous_observation(ScoredListing, self._known.counting)
        return query.join(_PREVIOUS, JOIN.LEFT_OUTER, on=(_PREVIOUS.id == before))

    def _is_wanted(self, delta: list[Any]) -> bool:
        least, percent = self._query.min_price_change_pct, delta[_PERCENT]
        return not least or (percent is not None and abs(percent) >= least)

    def _identity(self) -> list[Any]:
        """The query to which a cursor belongs."""
        return [
            "deltas",
            self._query.model_dump(
                include={*_FILTERS, "import_id", "min_price_change_pct", "kind", "direction"}
            ),
        ]


def _in_ranges(event_id: Any, ranges: Sequence[tuple[int, int] | None]) -> Any:
    conditions = [event_id.between(*one) for one in ranges if one is not None]
    found = conditions[0]
    for condition in conditions[1:]:
        found |= condition
    return found


def _each_once(candidates: Sequence[Candidate]) -> Iterator[Candidate]:
    """An offer that came back with another price is one row, of the kind `back`."""
    for _, same in groupby(candidates, key=itemgetter(0, 1)):
        yield next(same)


def _told(row: dict[str, Any], timestamp: str, how: str) -> dict[str, Any]:
    """The row of a candidate. For a gone offer the previous observation is its last one."""
    if how in (MOVED, BACK):
        return row | {"how": how}
    before = {
        "previous_price_usd": row["price_usd"],
        "previous_seen_at": row["timestamp"],
        "previous_import_id": row["import_id"],
        "previous_score": row["score"],
    }
    return row | before | {"how": GONE, "timestamp": timestamp, "import_id": how}


def _delta(row: dict[str, Any], kinds: Sequence[str]) -> list[Any]:
    """The delta as returned to clients, in column order. Its kind is the first requested one that
    fits."""
    old, new = row["previous_price_usd"], row["price_usd"]
    if old is None:
        moved = dict.fromkeys(("price_delta", "price_delta_pct", "score_delta"))
        kind = "new"
    else:
        moved = {
            "price_delta": difference(old, new),
            "price_delta_pct": change_pct(old, new),
            "score_delta": difference(row["previous_score"], row["score"]),
        }
        kind = "price" if "price" in kinds and old != new else "score"
    kind = row.get("how") or kind
    shown = row | moved | {"listing_id": bytes(row["listing_id"]).hex(), "kind": kind}
    return [shown[name] for name in DELTA_COLUMNS]
