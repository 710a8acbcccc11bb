"""Column names: which names in a file stand for which column, and which of them conflict."""

import pytest

from glyphd.contracts.column_names import (
    ALIASES,
    PREFERRED,
    fold,
    map_headers,
    nearest,
    nearly_known,
)
from glyphd.contracts.columns import COLUMN_NAMES


def _columns(*names: str) -> dict[str, str]:
    """The name in the file of each column that was found."""
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


@pytest.mark.parametrize(
    ("alias", "column"), [pair for pair in ALIASES.items() if pair[0] not in PREFERRED]
)
def test_beside_its_name_an_alias_is_ignored(alias: str, column: str) -> None:
    assert _columns(alias, column) == {column: column}
    assert _ignored(alias, column) == (alias,)
    assert _conflicts(alias, column) == ()


@pytest.mark.parametrize(
    "name",
    [
        "price_usd",
        "Price_USD",
        "PRICE USD",
        "price-usd",
        "price.usd",
        " price_usd ",
        "priceUsd",
        "price\nusd",
    ],
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


@pytest.mark.parametrize(
    "names", [("score", "Score"), ("price", "PRICE"), ("canonical_model", "Canonical Model")]
)
def test_the_same_name_twice_is_a_conflict_that_names_both(names: tuple[str, str]) -> None:
    assert _conflicts(*names, "model") == (f"{names[0]!r} and {names[1]!r}",)


def test_two_aliases_of_one_name_are_a_conflict_that_names_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No column has two aliases at present; the rule is there for when one has."""
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
    assert map_headers(["score"], COLUMN_NAMES).missing(["model", "price_usd", "score"]) == [
        "model",
        "price_usd",
    ]


@pytest.mark.parametrize(
    ("name", "candidates", "expected"),
    [
        ("score", ["scores", "seller"], "scores"),
        ("price_usd", ["Prize-USD", "model"], "Prize-USD"),
        ("score", ["model", "seller"], None),
        ("score", [], None),
    ],
)
def test_the_nearest_name_is_one_that_looks_alike(
    name: str, candidates: list[str], expected: str | None
) -> None:
    assert nearest(name, candidates) == expected


def test_beside_final_score_the_raw_score_is_ignored() -> None:
    assert _columns("score", "Final Score") == {"score": "Final Score"}
    assert _ignored("score", "Final Score") == ("score",)


@pytest.mark.parametrize(
    "name", ["\ufeffseller", "sel\u200bler", "seller\u00ad", "\u2066Seller\u2069", " SELLER\xa0"]
)
def test_invisible_characters_do_not_count(name: str) -> None:
    assert _columns(name) == {"seller": name}


def test_composed_and_decomposed_names_are_the_same() -> None:
    assert fold("Gro\u0308\xdfe") == fold("Gr\xf6\xdfe")


def test_a_choice_wins_over_names_and_aliases() -> None:
    mapped = map_headers(
        ["model", "Card", "price", "Cost"], COLUMN_NAMES, {"card": "model", "Cost": "price_usd"}
    )
    assert mapped.positions == {"model": 1, "price_usd": 3}
    assert (mapped.ignored, mapped.unknown) == (("model", "price"), ())


def test_a_chosen_score_is_not_displaced_by_final_score() -> None:
    mapped = map_headers(["Points", "final_score"], COLUMN_NAMES, {"Points": "score"})
    assert (mapped.positions, mapped.beside) == ({"score": 0}, ())


def test_a_choice_may_be_a_name_that_begins_with_an_underscore() -> None:
    mapped = map_headers(["_shop", "shop", "_n"], COLUMN_NAMES, {"_Shop": "seller"})
    assert (mapped.positions, mapped.unknown, mapped.ignored) == (
        {"seller": 0},
        (1,),
        ("shop", "_n"),
    )
    assert map_headers(["shop", "_shop"], COLUMN_NAMES, {"shop": "seller"}).positions["seller"] == 0


def test_two_such_names_are_a_conflict_only_if_they_are_chosen() -> None:
    names = ["_shop", "_Shop"]
    assert map_headers(names, COLUMN_NAMES).conflicts == ()
    assert len(map_headers(names, COLUMN_NAMES, {"_shop": "seller"}).conflicts) == 1


def test_a_column_that_is_left_out_is_neither_known_nor_unknown() -> None:
    mapped = map_headers(["seller", "note"], COLUMN_NAMES, {"seller": None, "note": None})
    assert (mapped.positions, mapped.unknown, mapped.ignored) == ({}, (), ("seller", "note"))


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["Sellr", "price_us"], {"Sellr": "seller", "price_us": "price_usd"}),
        (["Sellr", "seller"], {}),
        (["final_scor"], {"final_scor": "final_score"}),
        (["quantization_capable", "match_score", "listing_age", "notes", "warnings"], {}),
        (["_sellr", ""], {}),
    ],
)
def test_nearly_known_names_are_those_of_columns_that_are_missing(
    names: list[str], found: dict[str, str]
) -> None:
    assert nearly_known(map_headers(names, COLUMN_NAMES), COLUMN_NAMES) == found
