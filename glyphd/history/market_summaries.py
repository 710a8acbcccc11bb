"""Answers about the whole market that are kept in the archive: the first request after an import
reads them and computes nothing.

A worker computes them when it is idle, so that no import waits for them. Each is marked with the
state of the archive that it was computed in and used only in that state. So none is ever out of
date; until one is stored, requests compute the answer themselves.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from peewee import Database, fn

from glyphd.contracts.market_queries import StatsQuery
from glyphd.db.archive_models import ScoredListing
from glyphd.db.archive_versions import read_version
from glyphd.db.dialects import exclusive_write, snapshot, stream
from glyphd.db.summary_models import MarketSummary, PeerGroup, PeerPrices
from glyphd.history.kept_answers import SOURCE_TOTALS
from glyphd.history.market_models import KEPT_MODELS, Models
from glyphd.history.market_stats import KEPT_GROUPINGS, Stats, stats_by
from glyphd.history.price_trends import (
    KEPT_TRENDS,
    MOST_KEPT_EVENTS,
    compute_trends,
    trends_to_json,
)
from glyphd.history.remembered_history import small_rows
from glyphd.history.source_totals import source_totals
from glyphd.listings.peer_prices import (
    PEER_PRICES,
    PricesOfGroup,
    group_prices,
    medians_of,
    replace_prices,
    select_prices,
)
from glyphd.storage.knowledge import present

LEAST_EVENTS = 20_000
"""The fewest events for which answers are kept: a smaller archive is read in a moment."""


def _stats(columns: tuple[str, ...]) -> Callable[[Database], Any]:
    asked = StatsQuery.model_validate({"by": list(columns)})
    return lambda database: small_rows(Stats(database, asked))


def _source_totals(database: Database) -> Any:
    return {name: asdict(total) for name, total in source_totals(database).items()}


def _price_trends(database: Database) -> Any:
    return trends_to_json(compute_trends(database, most=MOST_KEPT_EVENTS))


_ANSWERS: Mapping[str, Callable[[Database], Any]] = {
    KEPT_MODELS: lambda database: small_rows(Models(database)),
    KEPT_TRENDS: _price_trends,
    SOURCE_TOTALS: _source_totals,
    **{stats_by(columns): _stats(columns) for columns in KEPT_GROUPINGS},
}
"""The answer as JSON values; null for a series that is too long to be kept."""

_NAMES = (*_ANSWERS, PEER_PRICES)


def lacks_summaries(database: Database, least: int = LEAST_EVENTS) -> bool:
    """Whether there is something to compute in an archive with this many events. The caller holds
    the connection."""
    return bool(_lacking(database, least))


def keep_summaries(
    database: Database, *, go_on: Callable[[], bool] = lambda: True, least: int = LEAST_EVENTS
) -> None:
    """Computes the answers that are not kept for the present, one after the other, if the archive
    has this many events. `go_on` is called before each.

    The archive is locked only to write an answer, which takes some milliseconds. If it has changed
    meanwhile, nothing is written.
    """
    for name in _lacking(database, least):
        if not go_on():
            return
        with snapshot(database):
            version = read_version(database)
            content, groups = _compute(database, name)
        with exclusive_write(database):
            if read_version(database) != version:
                return
            mark = MarketSummary.insert(name=name, archive_version=version, content=content)
            is_over = (MarketSummary.name == name) | MarketSummary.name.not_in(_NAMES)
            database.execute(MarketSummary.delete().where(is_over))
            database.execute(mark)
            if name == PEER_PRICES:
                replace_prices(database, groups)


def summary_faults(archive: Database) -> Iterator[str]:
    """A line for each kept answer that the archive does not give, for `verify --all`; those for
    earlier states, and with names of other releases, are not used, so they may say
    anything."""
    query = MarketSummary.select(MarketSummary.name, MarketSummary.content).where(
        MarketSummary.archive_version == read_version(archive), MarketSummary.name.in_(_NAMES)
    )
    for name, content in archive.execute(query).fetchall():
        with snapshot(archive):
            due, groups = _compute(archive, name)
        if content != due:
            yield f"market_summaries: {name} is not what the events give"
        if name == PEER_PRICES:
            yield from _price_faults(archive, groups)


def _price_faults(archive: Database, groups: list[PricesOfGroup]) -> Iterator[str]:
    """The lines about blocks name the group, like those about the groups themselves."""
    due_of: dict[Any, set[Any]] = {
        PeerGroup: {group.summary for group in groups},
        PeerPrices: {block for group in groups for block in group.blocks},
    }
    for model, due in due_of.items():
        columns = model._meta.columns.values()
        rows = archive.execute(model.select(*columns)).fetchall()
        stored = {(*values, bytes(content)) for *values, content in rows}
        for name, condition in sorted({row[:2] for row in stored ^ due}):
            what = f"those of {name}, {condition or 'no condition'}, are others"
            yield f"{model._meta.table_name}: {what}"


def _compute(database: Database, name: str) -> tuple[str, list[PricesOfGroup]]:
    """The answer as JSON, and the prices that are kept with it. The caller holds a snapshot."""
    if name != PEER_PRICES:
        return json.dumps(_ANSWERS[name](database)), []
    rows = stream(database, select_prices(database, present(database), []))
    groups = list(group_prices(rows))
    return json.dumps(medians_of(groups)), groups


def _lacking(database: Database, least: int) -> list[str]:
    """The names of the answers that are not kept for the present."""
    (events,) = database.execute(ScoredListing.select(fn.MAX(ScoredListing.id))).fetchone()
    if (events or 0) < least:
        return []
    kept = MarketSummary.select(MarketSummary.name).where(
        MarketSummary.archive_version == read_version(database)
    )
    names = {name for (name,) in database.execute(kept).fetchall()}
    return [name for name in _NAMES if name not in names]
