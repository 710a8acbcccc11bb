"""Compares watches with the offers that a job changes in the market, within the archive's
transaction."""

import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from peewee import SQL, Case, Database, Select, fn

from glyphd.contracts.watch_contracts import WatchCondition
from glyphd.db.archive_models import ScoredListing
from glyphd.db.watch_models import Watch
from glyphd.events.watch_matches import Found
from glyphd.history.differences import PERCENT_DECIMALS, change_pct
from glyphd.importing.claims import Claim
from glyphd.importing.registry import Registry
from glyphd.listings.statements import Statements, Values
from glyphd.storage.knowledge import Knowledge, present
from glyphd.storage.moves import MOVED, MOVES, Look, Move, move_kind, previous_price
from glyphd.storage.offers import is_from_same, is_observation
from glyphd.storage.predicates import PREDICATES, restrict

MOST_MATCHES = 100
"""The most offers that a watch keeps from one change, the cheapest ones; all are counted."""

MOST_MODELS = 100

_NO_LIMIT = 2**62

_OFFER_COLUMNS = (
    "listing_id",
    "model",
    "condition",
    "seller",
    "region",
    "source_url",
    "price_usd",
    "score",
    "seen_at",
)
_STATEMENTS = Statements()


def look_for_watches(registry: Registry, claim: Claim) -> Look | None:
    """A function that compares the current watches with the offers that the claimed job changes,
    and stores the matches; None if there are no watches, so that the changed offers need not be
    determined."""
    watches = registry.watches()
    if not watches:
        return None

    def look(database: Database) -> None:
        moved = survey(database)
        found: list[Found] = []
        for same in _alike(watch for watch in watches if watch.condition in moved.conditions):
            of_first = find_offers(database, moved, same[0], claim)
            found += [replace(of_first, watch_id=watch.id) for watch in same]
        registry.keep_matches(claim, [one for one in found if one.total])

    return look


def _alike(watches: Iterable[Watch]) -> Iterable[list[Watch]]:
    """The watches in groups with equal filters and conditions, so that each query runs once."""
    found: dict[Hashable, list[Watch]] = {}
    for watch in watches:
        found.setdefault((watch.condition, watch.value, watch.filters), []).append(watch)
    return found.values()


@dataclass(frozen=True)
class Survey:
    """What is known about the changed offers before any watch is compared with them.

    `conditions` are those that some offer may meet: most changes meet only a few, and the watches
    of the others need not be compared. `models` are all models of the offers, or empty if there are
    more than MOST_MODELS.
    """

    known: Knowledge
    conditions: frozenset[WatchCondition]
    models: Sequence[str]


def survey(database: Database) -> Survey:
    query = ScoredListing.select(ScoredListing.model).from_(MOVED).distinct()
    models = [model for (model,) in database.execute(query.limit(MOST_MODELS + 1)).fetchall()]
    few_models = models if len(models) <= MOST_MODELS else []
    return Survey(present(database), _conditions(database), few_models)


def _conditions(database: Database) -> frozenset[WatchCondition]:
    tests = [*(move_kind == move.value for move in Move), _is_cheaper()]
    found = (fn.MAX(Case(None, [(test, 1)], 0)) for test in tests)
    query = ScoredListing.select(*found).from_(MOVED)
    *moved, is_any_cheaper = database.execute(query).fetchone()
    moves = {move for move, is_there in zip(Move, moved, strict=True) if is_there}
    possible = {condition for move, condition in _CONDITION_OF.items() if move in moves}
    if moves - {Move.GONE}:
        possible.add(WatchCondition.PRICE_BELOW)
    if is_any_cheaper:
        possible |= {WatchCondition.DROP_PCT, WatchCondition.LOWEST_EVER}
    return frozenset(possible)


def find_offers(database: Database, moved: Survey, watch: Watch, claim: Claim) -> Found:
    """The changed offers that the watch is about, the cheapest first."""
    known, condition = moved.known, WatchCondition(watch.condition)
    values = json.loads(watch.filters)
    if watch.value is not None:
        values["value"] = watch.value
    if condition is WatchCondition.PRICE_BELOW and moved.models:
        # Only the offers of one model are in the order of price. With all models named, those
        # below the value are read under each model, instead of all offers.
        values.setdefault("model", moved.models)

    def read(build: Callable[[Database, WatchCondition, Knowledge, Values], Select]) -> list[Any]:
        shape = (build, type(database), condition, known)
        sql, parameters = _STATEMENTS.write(
            database, shape, values, lambda given: build(database, condition, known, given)
        )
        return list(database.execute_sql(sql, parameters).fetchall())

    rows = read(_cheapest)
    total = len(rows) if len(rows) < MOST_MATCHES else read(_counted)[0][0]
    return Found(watch.id, total, [_offer(row, claim) for row in rows])


def _cheapest(
    database: Database, condition: WatchCondition, known: Knowledge, given: Values
) -> Select:
    """Each row: the price before, and the columns of the offer. The offers are looked up after the
    cheapest ones are chosen, not for all that match."""
    moved = ScoredListing.select(
        ScoredListing.id.alias("event_id"), previous_price.alias("price_before")
    )
    order = (ScoredListing.price_usd, ScoredListing.id)
    chosen = _matching(moved, database, condition, known, given).order_by(*order)
    chosen = chosen.limit(MOST_MATCHES).alias("chosen")
    columns = (ScoredListing._meta.columns[name] for name in _OFFER_COLUMNS)
    offers = ScoredListing.select(chosen.c.price_before, *columns)
    found: Select = offers.join(chosen, on=(chosen.c.event_id == ScoredListing.id)).order_by(*order)
    return found


def _counted(
    database: Database, condition: WatchCondition, known: Knowledge, given: Values
) -> Select:
    """The number of matching offers. Counted separately: most watches find fewer than are kept, and
    a query that does both has to collect them all."""
    moved = ScoredListing.select(ScoredListing.id)
    # The limit keeps SQLite from merging the two queries: it would look up events that the count
    # does not need.
    matching = _matching(moved, database, condition, known, given).limit(_NO_LIMIT)
    return Select([matching.alias("matching")], [fn.COUNT(SQL("*"))])


def _matching(
    query: Select,
    database: Database,
    condition: WatchCondition,
    known: Knowledge,
    given: Values,
) -> Select:
    filters = {name: given[name] for name in PREDICATES if name in given}
    moved = restrict(query.from_(MOVES), database, filters)
    found: Select = moved.where(_CONDITIONS[condition](given.get("value"), known))
    return found


def _is_below(value: Any, known: Knowledge) -> Any:
    """It is now offered for less than the value, and before it was not: it cost more, or was not
    offered."""
    was_above = (move_kind == Move.PRICE.value) & (previous_price >= value)
    was_absent = move_kind.in_([Move.NEW.value, Move.BACK.value])
    return (ScoredListing.price_usd < value) & (was_absent | was_above)


def _has_dropped(value: Any, known: Knowledge) -> Any:
    """Its price fell by at least this many percent, rounded as shown to clients."""
    percent = (previous_price - ScoredListing.price_usd) / previous_price * 100
    rounded = fn.ROUND(percent.cast("NUMERIC"), PERCENT_DECIMALS)
    # There is no percentage of a price of 0, or of one that overflows.
    return Case(None, [(_is_cheaper(), rounded)], None) >= value


def _is_lowest(value: Any, known: Knowledge) -> Any:
    """It is offered for less than ever before."""
    other = ScoredListing.alias("other_observation")
    same = (other.first_event_id == ScoredListing.first_event_id) & (other.id != ScoredListing.id)
    in_thread = other.source_url.is_null(False) | is_from_same(other, ScoredListing)
    earlier = other.seen_at <= ScoredListing.seen_at
    as_low = other.select(other.id).where(
        same, earlier, is_observation(other), in_thread, other.price_usd <= ScoredListing.price_usd
    )
    counting = known.counting(other)
    as_low = as_low.where(*counting) if counting else as_low
    return _is_cheaper() & ~fn.EXISTS(as_low)


def _is_cheaper() -> Any:
    """It is offered for less than the market showed before; null if the market showed nothing
    comparable."""
    return (move_kind != Move.GONE.value) & (ScoredListing.price_usd < previous_price)


def _moved_so(move: Move) -> Callable[[Any, Knowledge], Any]:
    return lambda value, known: move_kind == move.value


_CONDITIONS: Mapping[WatchCondition, Callable[[Any, Knowledge], Any]] = {
    WatchCondition.PRICE_BELOW: _is_below,
    WatchCondition.DROP_PCT: _has_dropped,
    WatchCondition.NEW: _moved_so(Move.NEW),
    WatchCondition.GONE: _moved_so(Move.GONE),
    WatchCondition.BACK: _moved_so(Move.BACK),
    WatchCondition.LOWEST_EVER: _is_lowest,
}
"""For each condition, when a changed offer meets it."""


_CONDITION_OF = {
    Move.NEW: WatchCondition.NEW,
    Move.GONE: WatchCondition.GONE,
    Move.BACK: WatchCondition.BACK,
}


def _offer(row: Sequence[Any], claim: Claim) -> dict[str, Any]:
    """The offer as it is stored."""
    offer = dict(zip(_OFFER_COLUMNS, row[1:], strict=True))
    previous = row[0]
    change = None if previous is None else change_pct(previous, offer["price_usd"])
    return offer | {
        "listing_id": bytes(offer["listing_id"]).hex(),
        "import_id": claim.job.import_id,
        "change": claim.job.kind,
        "previous_price_usd": previous,
        "price_delta_pct": change,
    }
