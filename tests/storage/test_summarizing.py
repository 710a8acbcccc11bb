"""The summary of a stage, compared with one that plain Python computes from all rows at once."""

from collections import Counter
from statistics import median
from string import ascii_lowercase, ascii_uppercase
from typing import Any

import pytest
from hypothesis import given, strategies as st
from peewee import Database

from glyphd.contracts.column_checks import CheckOptions
from glyphd.contracts.gpu_listings import GPUListingDTO
from glyphd.storage.staging import open_stage
from glyphd.storage.stores import staged_columns
from tests.examples import examples

NOW = "2025-07-29T12:12:00.000000Z"
PRICES = st.floats(min_value=1e-300, max_value=1e300) | st.sampled_from([1.0, 100.0, 100.01])
NUMBERS = st.floats(min_value=-1e9, max_value=1e9, allow_subnormal=False)
SCORES = NUMBERS | st.sampled_from([-1.0, -1e-300, -0.0, 0.0, 1e-300, 0.5])
NAMES = st.sampled_from(["A", "a", "B", "b", "C", "d", "E", "ß", "SS", "Ä", "ä"])
OFFERS = st.lists(st.tuples(NAMES, PRICES, SCORES, st.none() | NAMES), min_size=1, max_size=12)
FOLDED = str.maketrans(ascii_uppercase, ascii_lowercase)


def _summary(database: Database, offers: list[tuple[Any, ...]]) -> dict[str, Any]:
    names = ("model", "price_usd", "score", "seller")
    listings = [GPUListingDTO(**dict(zip(names, offer, strict=True))) for offer in offers]
    with open_stage(database) as stage:
        for index, listing in enumerate(listings, start=1):
            for columns in staged_columns([listing], CheckOptions(NOW)):
                stage.add({**columns, "import_index": (index,)})
        stage.complete()
        return stage.summary


def _expected(offers: list[tuple[Any, ...]]) -> dict[str, Any]:
    models, prices, scores, sellers = zip(*offers, strict=True)
    spelled: dict[str, str] = {}
    for model in models:
        spelled.setdefault(_folded(model), model)
    counts = Counter(map(_folded, models))
    return {
        "lowest_price": min(prices),
        "median_price": _middle(prices),
        "highest_price": max(prices),
        "lowest_score": min(scores),
        "median_score": _middle(scores),
        "highest_score": max(scores),
        "models": len(counts),
        "sellers": len({_folded(seller) for seller in sellers if seller is not None}),
        "top_models": [
            {"model": spelled[name], "count": times} for name, times in counts.most_common(5)
        ],
    }


def _folded(name: str) -> str:
    return name.translate(FOLDED)


def _middle(values: tuple[float, ...]) -> Any:
    return pytest.approx(median(values), rel=1e-15, abs=0)


@pytest.mark.parametrize("most_noted", [1, 4096])
@examples(30)
@given(offers=OFFERS)
def test_a_summary_counts_what_the_rows_say(
    archive: Database, most_noted: int, offers: list[tuple[Any, ...]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("glyphd.storage.summarizing.MOST_NOTED", most_noted)
        assert _summary(archive, offers) == _expected(offers)
