"""The prices of current offers by model and condition: read from the events, or kept in the archive
so that they need not be read.

They are kept for one state of the archive, together with the median of each group.
"""

import json
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from peewee import Database, Select, fn

from glyphd.contracts.texts import fold_ascii
from glyphd.db.archive_models import ScoredListing
from glyphd.db.archive_versions import archive_version
from glyphd.db.dialects import add_rows, folded
from glyphd.db.summary_models import MarketSummary, PeerPrices
from glyphd.listings.quantiles import quantile_of
from glyphd.storage.knowledge import Knowledge
from glyphd.storage.predicates import restrict
from glyphd.storage.timelines import MODEL_TIMELINE

PEER_PRICES = "peer prices"
"""The name under which `market_summaries` has the state of the archive and the medians."""


class PricesOfGroup(NamedTuple):
    """Folded model and condition, empty for none, and the prices in order."""

    model: str
    condition: str
    prices: "array[float]"

    @property
    def stored(self) -> tuple[str, str, bytes]:
        """The row of `peer_prices`."""
        return self.model, self.condition, _little_endian(self.prices).tobytes()


def select_prices(database: Database, known: Knowledge, models: Sequence[str]) -> Select:
    """The query for `group_prices`: of these models, or of all."""
    key = [folded(database, ScoredListing.model), condition_key(database)]
    query: Any = ScoredListing.select(*key, ScoredListing.price_usd)
    query = query.from_(MODEL_TIMELINE) if models else query
    query = restrict(query.where(known.is_current()), database, {"model": list(models)})
    ordered: Select = query.order_by(*key, ScoredListing.price_usd)
    return ordered


def group_prices(rows: Iterable[Sequence[Any]]) -> Iterator[PricesOfGroup]:
    """The groups, from the rows of `select_prices`."""
    for (model, condition), group in groupby(rows, key=lambda row: row[:2]):
        yield PricesOfGroup(model, condition, array("d", [price for _, _, price in group]))


def medians_of(groups: Iterable[PricesOfGroup]) -> list[list[Any]]:
    """Model, condition and median price of each group."""
    return [[group.model, group.condition, quantile_of("median", group.prices)] for group in groups]


def kept_prices(database: Database, model: str) -> list[PricesOfGroup]:
    """The groups of a model as they are kept for the present; none if they are not."""
    query = PeerPrices.select(PeerPrices.model, PeerPrices.condition, PeerPrices.prices)
    query = query.where(PeerPrices.model == fold_ascii(model), fn.EXISTS(_mark(database)))
    return [
        PricesOfGroup(name, condition, _little_endian(array("d", bytes(prices))))
        for name, condition, prices in database.execute(query).fetchall()
    ]


def kept_medians(database: Database) -> list[list[Any]] | None:
    """What `medians_of` gives, as it is kept for the present; None if it is not."""
    row = database.execute(_mark(database)).fetchone()
    return None if row is None else json.loads(row[0])


def replace_prices(database: Database, groups: Iterable[PricesOfGroup]) -> None:
    """Writes the groups instead of those that are kept. The caller writes the mark, in the same
    transaction."""
    database.execute(PeerPrices.delete())
    columns = tuple(PeerPrices._meta.columns)
    add_rows(database, PeerPrices._meta.table_name, columns, (group.stored for group in groups))


def condition_key(database: Database) -> Any:
    """Expression: the condition of the event as its group has it."""
    return fn.COALESCE(folded(database, ScoredListing.condition), "")


def _mark(database: Database) -> Select:
    return MarketSummary.select(MarketSummary.content).where(
        MarketSummary.name == PEER_PRICES,
        MarketSummary.archive_version == archive_version(database),
    )


def _little_endian(prices: "array[float]") -> "array[float]":
    """From this machine's order of bytes to that of the archive, or back."""
    if sys.byteorder == "little":
        return prices
    swapped = prices[:]
    swapped.byteswap()
    return swapped
