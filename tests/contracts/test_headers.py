"""Column names: which file names stand for which column, and which two get in each other's way."""

import pytest

from glyphd.contracts.headers import ALIASES, map_headers, nearest
from glyphd.contracts.listings import COLUMN_NAMES


def _columns(*names: str) -> dict[str, str]:
    """The file's name for each column that it has."""
    mapped = map_headers(names, COLUMN_NAMES)
    return {column: names[at] for column, at in mapped.positions.items()}


def _ignored(*names: str) -> tuple[str, ...]:
    return map_headers(names, COLUMN_NAMES).ignored


def _conflicts(*names: str) -> tuple[str, ...]:
    return map_headers(names, COLUMN_NAMES).conflicts


def test_the_aliases_are_those_of_the_contract() -> None:
    assert ALIASES == {
        "canonical_model": "model",
        "price": "price_usd",
        "final_score": "score",
        "geographic_region": "region",
        "mig_support": "mig_capable",
        "tdp_w": "tdp_watts",
        "slots": "slot_width",
        "listing_source": "seller",
    }


@pytest.mark.parametrize(("alias", "column"), ALIASES.items())
def test_an_alias_stands_for_its_column(alias: str, column: str) -> None:
    assert _columns(alias) == {column: alias}
    assert _ignored(alias) == ()


@pytest.mark.parametrize(("alias", "column"), [pair for pair in ALIASES.items() if pair[1] != "model"])
def test_beside_its_name_an_alias_is_ignored(alias: str, column: str) -> None:
    assert _columns(alias, column) == {column: column}
    assert _ignored(alias, column) == (alias,)
    assert _conflicts(alias, column) == ()


@pytest.mark.parametrize(
    "name", ["price_usd", "Price_USD", "PRICE USD", "price-usd", "price.usd", " price_usd ", "priceUsd", "price\nusd"]
)
def test_case_spaces_dots_and_hyphens_do_not_count(name: str) -> None:
    assert _columns(name) == {"price_usd": name}


def test_beside_canonical_model_the_raw_model_becomes_the_title() -> None:
    assert _columns("model", "canonical_model") == {"model": "canonical_model", "title": "model"}
    assert _ignored("model", "canonical_model") == ()


def test_beside_a_title_the_raw_model_is_ignored() -> None:
    names = ("Canonical Model", "Model", "Title")
    assert _columns(*names) == {"model": "Canonical Model", "title": "Title"}
    assert _ignored(*names) == ("Model",)


@pytest.mark.parametrize("names", [("score", "Score"), ("price", "PRICE"), ("canonical_model", "Canonical Model")])
def test_the_same_name_twice_is_a_conflict_that_names_both(names: tuple[str, str]) -> None:
    assert _conflicts(*names, "model") == (f"{names[0]!r} and {names[1]!r}",)


def test_two_aliases_of_one_name_are_a_conflict_that_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """No column has two at present; the rule is there for the day when one does."""
    monkeypatch.setitem(ALIASES, "cost", "price_usd")
    assert _conflicts("Cost", "price") == ("'Cost' and 'price' both mean price_usd",)


def test_names_nobody_knows_are_ignored_in_order() -> None:
    assert _ignored("b", "model", "a", "") == ("b", "a", "")


def test_a_name_with_an_underscore_in_front_is_ignored() -> None:
    assert _columns("_score", "score", "_price") == {"score": "score"}
    assert _ignored("_score", "score", "_price") == ("_score", "_price")


def test_names_that_are_empty_or_start_with_an_underscore_may_repeat() -> None:
    assert _conflicts("", "", " ", "_line", "_line") == ()


def test_missing_columns_are_told_in_the_order_asked_for() -> None:
    assert map_headers(["score"], COLUMN_NAMES).missing(["model", "price_usd", "score"]) == ["model", "price_usd"]


@pytest.mark.parametrize(
    ("name", "candidates", "expected"),
    [
        ("score", ["scores", "seller"], "scores"),
        ("price_usd", ["Prize-USD", "model"], "Prize-USD"),
        ("score", ["model", "seller"], None),
        ("score", [], None),
    ],
)
def test_the_nearest_name_is_one_that_looks_alike(name: str, candidates: list[str], expected: str | None) -> None:
    assert nearest(name, candidates) == expected
