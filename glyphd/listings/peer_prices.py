"""The prices of current offers by model and condition: read from the events, or kept in the archive
so that they need not be read.

They are kept for one state of the archive, together with the median of each group, and in blocks,
so that the rank of a price is found by reading one of them.
"""

import json
import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from peewee import Database, Node, Select, fn

from glyphd.contracts.texts import fold_ascii
from glyphd.db.archive_models import ScoredListing
from glyphd.db.archive_versions import archive_version
from glyphd.db.compiled import compiled, given
from glyphd.db.dialects import add_rows, folded, json_rows
from glyphd.db.summary_models import MarketSummary, PeerGroup, PeerPrices
from glyphd.listings.quantiles import quantile_of
from glyphd.storage.knowledge import Knowledge
from glyphd.storage.predicates import restrict
from glyphd.storage.timelines import MODEL_TIMELINE

PEER_PRICES = "peer prices"
"""The name under which `market_summaries` has the state of the archive and the medians."""

BLOCK_PRICES = 100
"""The number of prices in a block: on SQLite several blocks with their keys fit into a page."""

_WANTED = given("wanted")
_VERSION = given("version")
_KEY = {"model": "text", "condition": "text"}

Group = tuple[str, str]
"""Folded model and condition, empty for none."""


class PricesOfGroup(NamedTuple):
    """Folded model and condition, empty for none, and the prices in order."""

    model: str
    condition: str
    prices: "array[float]"

    @property
    def summary(self) -> tuple[str, str, int, float, bytes]:
        """The row of `peer_groups`."""
        lowest = self.prices[::BLOCK_PRICES]
        median = quantile_of("median", self.prices)
        return self.model, self.condition, len(self.prices), median, _stored(lowest)

    @property
    def blocks(self) -> Iterator[tuple[str, str, int, bytes]]:
        """The rows of `peer_prices`."""
        for number, start in enumerate(range(0, len(self.prices), BLOCK_PRICES)):
            block = self.prices[start : start + BLOCK_PRICES]
            yield self.model, self.condition, number, _stored(block)


class Place(NamedTuple):
    """Where a price is among those of a group: how many there are, how many of them are lower, and
    their median, None if there are none."""

    size: int
    lower: int
    median: float | None


def place_among(price: float, prices: Sequence[float]) -> Place:
    """The place of a price among sorted prices."""
    median = quantile_of("median", prices) if prices else None
    return Place(len(prices), bisect_left(prices, price), median)


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
    """The groups of a model that are kept for the present; none if they are not kept."""
    columns = (PeerPrices.model, PeerPrices.condition, PeerPrices.prices)
    query = PeerPrices.select(*columns).where(
        PeerPrices.model == fold_ascii(model), fn.EXISTS(_mark(archive_version(database)))
    )
    rows = database.execute(query.order_by(PeerPrices.condition, PeerPrices.block)).fetchall()
    groups = groupby(rows, key=lambda row: row[:2])
    return [
        PricesOfGroup(name, condition, _loaded(b"".join(bytes(block) for _, _, block in blocks)))
        for (name, condition), blocks in groups
    ]


def kept_medians(database: Database) -> list[list[Any]] | None:
    """The result of `medians_of` that is kept for the present; None if there is none."""
    row = database.execute(_mark(archive_version(database))).fetchone()
    return None if row is None else json.loads(row[0])


def kept_places(database: Database, prices: Sequence[tuple[Group, float]]) -> list[Place] | None:
    """The place of each price in its group, from the groups that are kept for the present; None if
    there are none."""
    marked, found_groups, found_blocks = _finding(database)
    if marked.execute(database, version=archive_version(database)).fetchone() is None:
        return None
    rows = found_groups.execute(database, wanted=_listed({group for group, _ in prices}))
    groups = {
        (model, condition): (size, median, _loaded(lowest))
        for model, condition, size, median, lowest in rows.fetchall()
    }
    needed = {
        (*group, number)
        for group, price in prices
        if group in groups and (number := _block_of(price, groups[group][2])) >= 0
    }
    rows = found_blocks.execute(database, wanted=_listed(needed)).fetchall() if needed else []
    blocks = {tuple(key): _loaded(block) for *key, block in rows}
    return [_place(price, group, groups.get(group), blocks) for group, price in prices]


def _place(
    price: float,
    group: Group,
    kept: tuple[int, float, "array[float]"] | None,
    blocks: Mapping[Any, "array[float]"],
) -> Place:
    if kept is None:
        return Place(0, 0, None)
    size, median, lowest = kept
    number = _block_of(price, lowest)
    if number < 0:
        return Place(size, 0, median)
    lower = number * BLOCK_PRICES + bisect_left(blocks[(*group, number)], price)
    return Place(size, lower, median)


def _block_of(price: float, lowest: Sequence[float]) -> int:
    """The last block with a lower price, found by the lowest price of each block; -1 if there is
    none."""
    return bisect_left(lowest, price) - 1


@compiled
def _finding(database: Database) -> list[Node]:
    """Whether the prices are kept for this version; the wanted groups; the wanted blocks."""
    group, block = (
        json_rows(database, _WANTED, columns).alias("wanted")
        for columns in (_KEY, _KEY | {"block": "integer"})
    )
    groups = PeerGroup.select(
        PeerGroup.model, PeerGroup.condition, PeerGroup.size, PeerGroup.median, PeerGroup.lowest
    ).join(group, on=_same(PeerGroup, group))
    blocks = PeerPrices.select(
        PeerPrices.model, PeerPrices.condition, PeerPrices.block, PeerPrices.prices
    ).join(block, on=_same(PeerPrices, block) & (PeerPrices.block == block.c.block))
    return [_mark(_VERSION), groups, blocks]


def _same(stored: Any, wanted: Any) -> Any:
    return (stored.model == wanted.c.model) & (stored.condition == wanted.c.condition)


def _listed(keys: Iterable[Sequence[Any]]) -> str:
    return json.dumps(sorted(keys))


def replace_prices(database: Database, groups: Sequence[PricesOfGroup]) -> None:
    """Replaces the kept groups. The caller writes the mark, in the same transaction."""
    blocks = (block for group in groups for block in group.blocks)
    for model, rows in ((PeerGroup, (group.summary for group in groups)), (PeerPrices, blocks)):
        database.execute(model.delete())
        add_rows(database, model._meta.table_name, tuple(model._meta.columns), rows)


def condition_key(database: Database) -> Any:
    """Expression: the condition of the event as its group has it."""
    return fn.COALESCE(folded(database, ScoredListing.condition), "")


def _mark(version: Any) -> Select:
    return MarketSummary.select(MarketSummary.content).where(
        MarketSummary.name == PEER_PRICES, MarketSummary.archive_version == version
    )


def _stored(prices: "array[float]") -> bytes:
    """The prices as doubles, little-endian."""
    return _little_endian(prices).tobytes()


def _loaded(prices: Any) -> "array[float]":
    return _little_endian(array("d", bytes(prices)))


def _little_endian(prices: "array[float]") -> "array[float]":
    """Converts between this machine's byte order and that of the archive."""
    if sys.byteorder == "little":
        return prices
    swapped = prices[:]
    swapped.byteswap()
    return swapped
