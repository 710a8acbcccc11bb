"""Answers about the whole market are kept for one state of the archive: a kept answer is the one
that would be computed, and it is not used in another state."""

from array import array
from itertools import count
from typing import Any

import pytest
from peewee import Case, Database

from glyphd.contracts.market_queries import StatsQuery
from glyphd.contracts.queries import ListingQuery
from glyphd.db.archive_models import ROLLBACK
from glyphd.db.summary_models import SUMMARY_MODELS, MarketSummary, PeerGroup, PeerPrices
from glyphd.history import market_summaries
from glyphd.history.kept_answers import SOURCE_TOTALS, kept_answer, kept_name
from glyphd.history.market_models import KEPT_MODELS, MODEL_COLUMNS, Models
from glyphd.history.market_stats import Stats
from glyphd.history.market_summaries import keep_summaries, lacks_summaries, summary_faults
from glyphd.history.price_trends import KEPT_TRENDS, PriceTrends
from glyphd.history.remembered_history import RememberedHistory
from glyphd.listings.peer_prices import BLOCK_PRICES, kept_places, place_among
from glyphd.listings.peers import Peers
from glyphd.listings.search import Search
from glyphd.storage.batch_changes import Change, change_batch
from glyphd.storage.knowledge import present
from glyphd.storage.stores import DatabaseListingStore
from tests.history.random_markets import fill
from tests.storage.listings import seen

PERCENTILES = "model,condition,price_usd,price_percentile,price_vs_median_pct"


def _answers(database: Database) -> dict[str, Any]:
    """Every answer that may be kept, as requests get it."""
    remembered = RememberedHistory(database)
    groups = [{"by": ["model"]}, {"by": ["model", "region"]}, {"by": ["region", "model"]}]
    of_model = {"by": ["model"], "gone": "include"}, {"by": ["model"], "min_price": 100}
    found: dict[str, Any] = {
        str(asked): list(remembered.rows(Stats(database, StatsQuery.model_validate(asked))))
        for asked in (*groups, *of_model)
    }
    found["models"] = list(remembered.rows(Models(database)))
    found["one model"] = [remembered.find_model(row[0].upper()) for row in found["models"]]
    found["unknown"] = remembered.find_model("nothing")
    found["sources"] = remembered.source_totals()
    trends = remembered.price_trends()
    assert isinstance(trends, PriceTrends)
    found["trends"] = trends.of_models
    for sort in ("seen_at", "price_vs_median_pct"):
        query = ListingQuery.model_validate({"fields": PERCENTILES.split(","), "sort": sort})
        found[f"percentiles by {sort}"] = (
            Search(database, query, keep=remembered.kept).page(500).rows
        )
    return found


def test_what_is_kept_is_what_is_computed(store: DatabaseListingStore) -> None:
    fill(store, 3)
    with store.database.connection_context():
        computed = _answers(store.database)
        keep_summaries(store.database, least=0)
        assert _answers(store.database) == computed
        assert list(summary_faults(store.database)) == []


def test_what_is_kept_is_used(store: DatabaseListingStore) -> None:
    fill(store, 3)
    with store.database.connection_context():
        keep_summaries(store.database, least=0)
        for model in SUMMARY_MODELS:
            assert store.database.execute(model.select()).fetchall()
        instead = {SOURCE_TOTALS: "{}", KEPT_TRENDS: '["2025-07-01", []]'}
        content: Any = Case(MarketSummary.name, list(instead.items()), "[]")
        store.database.execute(MarketSummary.update(content=content))
        store.database.execute(PeerGroup.update(size=101, lowest=array("d", [-1.0]).tobytes()))
        store.database.execute(PeerPrices.update(prices=array("d", [-1.0] * 100).tobytes()))
        found = _answers(store.database)
        used = {str({"by": ["model"]}), str({"by": ["model", "region"]}), "models", "one model"}
        used.add("trends")
        assert {name for name, rows in found.items() if rows == []} == used
        assert found["sources"] == {}
        assert {row[3] for row in found["percentiles by seen_at"]} == {100.0}


def test_a_place_is_found_in_any_block(store: DatabaseListingStore) -> None:
    """The prices fill several blocks, and one price spans two of them."""
    prices = [float(number // 7) for number in range(3 * BLOCK_PRICES)] + [41.0] * 2 * BLOCK_PRICES
    store.insert_listings(
        [seen(1, seller=str(number), price_usd=price) for number, price in enumerate(prices)], "one"
    )
    with store.database.connection_context():
        computed = _answers(store.database)["percentiles by seen_at"]
        keep_summaries(store.database, least=0)
        assert _answers(store.database)["percentiles by seen_at"] == computed
        (group,) = Peers(store.database, present(store.database)).groups("L4")
        assert list(group.prices) == sorted(prices)
        places = kept_places(store.database, [(("l4", ""), price) for price in prices])
        assert places == [place_among(price, sorted(prices)) for price in prices]


def test_in_another_state_it_is_not_used(store: DatabaseListingStore) -> None:
    fill(store, 3, imports=2)
    with store.database.connection_context():
        keep_summaries(store.database, least=0)
        store.database.execute(MarketSummary.update(content="[]"))
        change_batch(store.database, Change("import-2", ROLLBACK))
        assert kept_answer(store.database, KEPT_MODELS) is None
        rolled_back = _answers(store.database)
        assert len(rolled_back["models"]) > 1
        assert {len(row) for row in rolled_back["models"]} == {len(MODEL_COLUMNS)}
        keep_summaries(store.database, least=0)
        assert _answers(store.database) == rolled_back


def test_an_answer_with_the_columns_of_another_release_is_not_used_and_goes(
    store: DatabaseListingStore,
) -> None:
    fill(store, 3, imports=2)
    with store.database.connection_context():
        computed = _answers(store.database)
        keep_summaries(store.database, least=0)
        is_models = MarketSummary.name == KEPT_MODELS
        other = kept_name("models", MODEL_COLUMNS[:-1])
        store.database.execute(MarketSummary.update(name=other, content="[]").where(is_models))
        assert _answers(store.database) == computed
        assert list(summary_faults(store.database)) == []
        keep_summaries(store.database, least=0)
        names = [
            name for (name,) in store.database.execute(MarketSummary.select(MarketSummary.name))
        ]
        assert KEPT_MODELS in names
        assert other not in names


def test_nothing_is_kept_of_a_state_that_has_passed(
    store: DatabaseListingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An import is committed after the answer was computed and before it is stored."""
    fill(store, 3, imports=1)
    versions = (f"state {number}" for number in count())
    monkeypatch.setattr(market_summaries, "read_version", lambda database: next(versions))
    with store.database.connection_context():
        keep_summaries(store.database, least=0)
        assert store.database.execute(MarketSummary.select()).fetchall() == []


def test_it_ends_when_it_may_not_go_on(store: DatabaseListingStore) -> None:
    fill(store, 3, imports=1)
    turns = iter([True, True, False])
    with store.database.connection_context():
        keep_summaries(store.database, go_on=lambda: next(turns), least=0)
        assert len(store.database.execute(MarketSummary.select()).fetchall()) == 2


def test_a_small_archive_keeps_nothing(store: DatabaseListingStore) -> None:
    fill(store, 3, imports=1)
    with store.database.connection_context():
        keep_summaries(store.database)
        assert not lacks_summaries(store.database)
        assert store.database.execute(MarketSummary.select()).fetchall() == []
