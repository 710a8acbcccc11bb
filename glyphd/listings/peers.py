"""The prices of other current offers of the same model and condition, for ranking a price among
them."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

from peewee import JOIN, SQL, Database
from pydantic_core import to_json

from glyphd.contracts.texts import fold_ascii
from glyphd.db.archive_models import ScoredListing
from glyphd.db.dialects import folded, json_rows
from glyphd.listings.peer_prices import (
    Group,
    Place,
    PricesOfGroup,
    condition_key,
    group_prices,
    kept_medians,
    kept_places,
    kept_prices,
    medians_of,
    place_among,
    select_prices,
)
from glyphd.listings.ratios import LEAST, MOST, difference_pct
from glyphd.storage.knowledge import Knowledge

PERCENT_DECIMALS = 6
_MEDIANS = "median_price"
MEDIAN_PRICE = SQL(f"{_MEDIANS}.price")
"""Expression: the median that `join_medians` adds to a query."""

Keep = Callable[[Hashable, Callable[[], Any]], Any]
"""Returns the value computed for a name, from a cache if it is there; see
`RememberedHistory.kept`."""


def computed_again(name: Hashable, compute: Callable[[], Any]) -> Any:
    """A `Keep` without a cache."""
    return compute()


class Peers:
    """The current offers, now or at an earlier moment. The caller holds the connection."""

    def __init__(self, database: Database, known: Knowledge, keep: Keep = computed_again) -> None:
        self._database = database
        self._known = known
        self._keep = keep

    def places(self, offers: Sequence[tuple[str, str | None, float]]) -> list[Place]:
        """The place of each model, condition and price among the current offers."""
        prices = [
            ((fold_ascii(model), fold_ascii(condition or "")), price)
            for model, condition, price in offers
        ]
        kept = kept_places(self._database, prices) if self._known.as_of is None else None
        if kept is not None:
            return kept
        found = self._prices_by_group({model for (model, _), _ in prices})
        return [place_among(price, found.get(group, ())) for group, price in prices]

    def prices(self, model: str, condition: str | None) -> Sequence[float]:
        """The prices of the offers of a model in a condition, in order."""
        wanted = fold_ascii(condition or "")
        groups = (group for group in self.groups(model) if group.condition == wanted)
        return next((group.prices for group in groups), ())

    def groups(self, model: str) -> list[PricesOfGroup]:
        """The prices of the offers of a model, by condition."""
        name = ("prices", fold_ascii(model), self._known.as_of)
        found: list[PricesOfGroup] = self._keep(name, lambda: self._prices_of(model))
        return found

    def _prices_by_group(self, models: set[str]) -> dict[Group, Sequence[float]]:
        """The medians of these models, and maybe of others: reading all events in stored order is
        faster than looking up those of some models."""
        if len(models) == 1:
            groups = self.groups(*models)
        else:
            groups = self._keep(("prices", self._known.as_of), lambda: list(self._groups([])))
        return {(group.model, group.condition): group.prices for group in groups}

    def medians(self) -> str:
        """The median price of each model in each condition, as `join_medians` takes them."""
        return str(self._keep(("medians", self._known.as_of), self._medians))

    def _prices_of(self, model: str) -> list[PricesOfGroup]:
        kept = kept_prices(self._database, model) if self._known.as_of is None else []
        return kept or list(self._groups([model]))

    def _medians(self) -> str:
        kept = kept_medians(self._database) if self._known.as_of is None else None
        return to_json(medians_of(self._groups([])) if kept is None else kept).decode()

    def _groups(self, models: list[str]) -> Iterator[PricesOfGroup]:
        """The groups of these models, or of all."""
        query = select_prices(self._database, self._known, models)
        return group_prices(self._database.execute(query))


def price_percentile(place: Place) -> float | None:
    """The percentage of the other offers that are cheaper than an offer at this place. None if
    there are no others."""
    others = place.size - 1
    if others < 1:
        return None
    return round(place.lower * 100 / others, PERCENT_DECIMALS)


def price_vs_median_pct(price: float, median: float | None) -> float | None:
    """By how many percent the price is above the median. None without a median, and if
    `percent_above` would be null."""
    is_plain = not price or LEAST <= price <= MOST
    if median is None or not (is_plain and LEAST <= median <= MOST):
        return None
    difference: float = difference_pct(price, median)
    return round(difference, PERCENT_DECIMALS)


def join_medians(query: Any, database: Database, medians: str) -> Any:
    """The query on events with MEDIAN_PRICE of their model and condition, from `Peers.medians`."""
    columns = {"model": "text", "condition": "text", "price": "double precision"}
    median = json_rows(database, medians, columns).alias(_MEDIANS)
    same = (median.c.model == folded(database, ScoredListing.model)) & (
        median.c.condition == condition_key(database)
    )
    return query.join(median, JOIN.LEFT_OUTER, on=same)
