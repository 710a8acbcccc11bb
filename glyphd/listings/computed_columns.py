"""Columns of listings that are computed on request, from the row and from the history of its
listing."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

from peewee import SQL, Case, Database, Select, fn

from glyphd.db.archive_models import ScoredListing
from glyphd.db.dialects import date_before, days_between
from glyphd.listings.peers import Peers, price_percentile, price_vs_median_pct
from glyphd.listings.ratios import score_per_1000_usd, usd_per_gb
from glyphd.storage.knowledge import Knowledge
from glyphd.storage.offers import all_of, is_from_same, is_observation
from glyphd.storage.result_rows import SELECTABLE_COLUMNS, convert_rows, select_rows
from glyphd.storage.timelines import Along

BLOCK_ROWS = 1000
"""This many rows are compared with others at a time."""

_EARLIER = ScoredListing.alias("comparable")
_LOWEST_DAYS = 90


def _days_listed(database: Database, known: Knowledge) -> Any:
    return _of_listing(known, days_between(database, _first_seen(known), ScoredListing.seen_at))


def _lowest_price(database: Database, known: Knowledge) -> Any:
    return _of_listing(known, _lowest(known))


def _lowest_price_90d(database: Database, known: Knowledge) -> Any:
    since = date_before(database, ScoredListing.seen_at, _LOWEST_DAYS)
    return _of_listing(known, _lowest(known).where(_EARLIER.seen_at >= since))


def _is_lowest(database: Database, known: Knowledge) -> Any:
    is_it = Case(None, [(ScoredListing.price_usd <= _lowest(known), 1)], 0)
    return _of_listing(known, is_it)


_OF_ROWS: Mapping[str, Callable[[Database, Knowledge], Any]] = {
    "score_per_1000_usd": lambda database, known: score_per_1000_usd(ScoredListing),
    "usd_per_gb": lambda database, known: usd_per_gb(ScoredListing),
    "days_listed": _days_listed,
    "lowest_price": _lowest_price,
    "lowest_price_90d": _lowest_price_90d,
    "is_lowest": _is_lowest,
}
"""An expression on the event for each column."""

_AMONG_PEERS = ("price_percentile", "price_vs_median_pct")
COMPUTED_COLUMNS = (*_AMONG_PEERS, *_OF_ROWS)
LISTED_COLUMNS = (*SELECTABLE_COLUMNS, *COMPUTED_COLUMNS)
"""The columns of listings that can be requested by name."""

_ON_OFFER = "on_offer"
_NEEDED = ("model", "condition", "price_usd", _ON_OFFER)


class Selection:
    """Columns of listings, and what must be selected to compute them."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = columns
        self._among_peers = [name for name in _AMONG_PEERS if name in columns]
        self.selected = (*columns, *(_NEEDED if self._among_peers else ()))

    def select(self, database: Database, known: Knowledge, along: Along | None) -> Select:
        """The selected columns of all events, for `shown`."""
        computed = {
            name: _OF_ROWS[name](database, known) for name in self.columns if name in _OF_ROWS
        }
        computed |= {name: SQL("NULL") for name in self._among_peers}
        computed[_ON_OFFER] = Case(None, [(known.is_current(), 1)], 0)
        return select_rows(self.selected, known, along, computed)

    def shown(self, rows: Iterable[Sequence[Any]], peers: Peers) -> Iterator[Sequence[Any]]:
        """The rows as returned to clients."""
        converted = convert_rows(self.selected, rows)
        if not self._among_peers:
            return converted
        blocks = iter(lambda: list(islice(converted, BLOCK_ROWS)), [])
        return chain.from_iterable(self._compared(peers, block) for block in blocks)

    def _compared(self, peers: Peers, rows: Sequence[Sequence[Any]]) -> Iterator[Sequence[Any]]:
        """The rows with their position among other prices, which is looked up for all rows
        together."""
        offers = [(model, condition, price) for *_, model, condition, price, _ in rows]
        for row, place in zip(rows, peers.places(offers), strict=True):
            *values, _model, _condition, price, is_on_offer = row
            found = {"price_vs_median_pct": price_vs_median_pct(price, place.median)}
            found["price_percentile"] = price_percentile(place) if is_on_offer else None
            for name in self._among_peers:
                values[self.columns.index(name)] = found[name]
            yield values


def _of_listing(known: Knowledge, value: Any) -> Any:
    """The value, or null for an event that can't be matched to one offer."""
    is_one = (ScoredListing.is_indistinct == 0) & is_observation()
    return Case(None, [(is_one, value)], None)


def _lowest(known: Knowledge) -> Any:
    return _comparable(known, fn.MIN(_EARLIER.price_usd))


def _first_seen(known: Knowledge) -> Any:
    return _comparable(known, fn.MIN(_EARLIER.seen_at))


def _comparable(known: Knowledge, value: Any) -> Any:
    """`value` over the event and the earlier ones that count and may be compared with it."""
    same = (_EARLIER.first_event_id == ScoredListing.first_event_id) & (
        _EARLIER.seen_at <= ScoredListing.seen_at
    )
    in_thread = _EARLIER.source_url.is_null(False) | is_from_same(_EARLIER, ScoredListing)
    is_distinct = (_EARLIER.is_indistinct == 0) & is_observation(_EARLIER)
    counts = all_of(is_distinct, in_thread, *known.counting(_EARLIER))
    return _EARLIER.select(value).where(same, counts | (_EARLIER.id == ScoredListing.id))
