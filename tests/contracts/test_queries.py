"""Query parameters: how they are read, and how a wrong one is refused."""

from typing import Any

import pytest

from glyphd.contracts.change_queries import DeltaQuery
from glyphd.contracts.parameter_reading import choices, read_parameters
from glyphd.contracts.queries import (
    MAX_LIMIT,
    ErrorQuery,
    ImportQuery,
    ListingQuery,
    NoParameters,
    Query,
    SortKey,
    SourceQuery,
    UploadQuery,
)
from glyphd.request_errors import InvalidParameter, UnknownParameter

NOON = "2025-07-29T12:12:00.000000Z"


def _listings(*pairs: tuple[str, str]) -> dict[str, Any]:
    return read_parameters(ListingQuery, pairs).model_dump(exclude_unset=True)


def _refused(contract: type[Query] | type[UploadQuery], name: str, value: str) -> InvalidParameter:
    with pytest.raises(InvalidParameter) as refused:
        read_parameters(contract, [(name, value)])
    return refused.value


def test_nothing_asked_is_nothing_set() -> None:
    assert _listings() == {}


def test_an_empty_value_is_as_if_absent() -> None:
    assert _listings(("model", ""), ("limit", " "), ("after", "")) == {}


def test_a_repeated_filter_means_any_of() -> None:
    assert _listings(("model", "A"), ("model", " B ")) == {"model": ["A", "B"]}


def test_other_parameters_may_not_repeat() -> None:
    with pytest.raises(InvalidParameter, match="limit is given twice"):
        _listings(("limit", "1"), ("limit", "1"))


def test_fields_are_parted_by_commas_and_keep_their_order() -> None:
    assert _listings(("fields", "score, model,price_usd")) == {
        "fields": ["score", "model", "price_usd"]
    }


def test_bounds_are_numbers() -> None:
    found = _listings(("min_score", "0.8"), ("max_price", "1e4"), ("min_vram_gb", "48.0"))
    assert found == {"min_score": 0.8, "max_price": 10000.0, "min_vram_gb": 48}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-07-29T12:12:00Z", NOON),
        ("2025-07-29 12:12", NOON),
        ("2025-07-29T14:12:00+02:00", NOON),
        ("2025-07-29T14:12:00 02:00", NOON),
        ("2025-07-29 14:12:00 0200", NOON),
        ("2025-07-29T10:12:00-02:00", NOON),
        ("2025-07-29", "2025-07-29T00:00:00.000000Z"),
    ],
)
def test_a_space_before_an_offset_is_the_plus_that_the_url_lost(text: str, expected: str) -> None:
    assert _listings(("after", text)) == {"after": expected}


@pytest.mark.parametrize(
    ("contract", "name", "value"),
    [
        (ListingQuery, "min_score", "high"),
        (ListingQuery, "max_price", "nan"),
        (ListingQuery, "min_price", "1e999"),
        (ListingQuery, "min_vram_gb", "-1"),
        (ListingQuery, "limit", "0"),
        (ListingQuery, "limit", str(MAX_LIMIT + 1)),
        (ListingQuery, "limit", "ten"),
        (ListingQuery, "sort", "prize"),
        (ListingQuery, "count", "roughly"),
        (ListingQuery, "after", "20250729"),
        (ListingQuery, "before", "yesterday"),
        (ListingQuery, "format", "xml"),
        (ListingQuery, "safe", "perhaps"),
        (ListingQuery, "model", "A\0"),
        (ImportQuery, "status", "done"),
        (ImportQuery, "received_after", "1704067200"),
        (ErrorQuery, "limit", "-5"),
        (UploadQuery, "on_error", "ignore"),
        (UploadQuery, "delimiter", "comma"),
        (UploadQuery, "dry_run", "maybe"),
        (UploadQuery, "source", "s" * 201),
    ],
)
def test_a_bad_value_is_refused_with_its_name_and_the_reason(
    contract: type[Query] | type[UploadQuery], name: str, value: str
) -> None:
    error = _refused(contract, name, value)
    assert (error.members["parameter"], error.members["value"]) == (name, value[:200])
    assert error.detail.startswith(f"{name}={value[:200]}: ")


def test_a_choice_is_refused_with_all_there_are() -> None:
    detail = _refused(ListingQuery, "sort", "prize").detail
    assert all(f"'{key}'" in detail for key in choices(SortKey))


@pytest.mark.parametrize(
    ("contract", "name", "allowed"),
    [
        (ListingQuery, "sort", choices(SortKey)),
        (ListingQuery, "count", ["exact"]),
        (ListingQuery, "safe", ["true", "false", "yes", "no", "1", "0"]),
        (ImportQuery, "status", ["queued", "running", "succeeded", "failed", "cancelled"]),
        (UploadQuery, "on_error", ["abort", "skip"]),
        (UploadQuery, "delimiter", [",", ";", "tab", "|"]),
    ],
)
def test_allowed_lists_the_values(
    contract: type[Query] | type[UploadQuery], name: str, allowed: list[str]
) -> None:
    assert _refused(contract, name, "?").members["allowed"] == allowed


@pytest.mark.parametrize("name", ["min_score", "limit", "after"])
def test_allowed_is_left_out_where_there_is_no_list(name: str) -> None:
    assert "allowed" not in _refused(ListingQuery, name, "?").members


@pytest.mark.parametrize("value", ["", " ", "\t\n"])
@pytest.mark.parametrize(
    ("contract", "name"),
    [
        (ListingQuery, "import_id"),
        (ListingQuery, "as_of"),
        (DeltaQuery, "import_id"),
        (SourceQuery, "import_id"),
    ],
)
def test_a_blank_import_or_moment_is_refused(contract: type[Query], name: str, value: str) -> None:
    error = _refused(contract, name, value)
    assert (error.members["parameter"], error.members["value"]) == (name, value)
    assert "empty" in error.detail


def test_one_blank_import_among_others_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="import_id is empty"):
        _listings(("import_id", "a"), ("import_id", ""))


@pytest.mark.parametrize(("low", "high"), [("min_price", "max_price"), ("min_score", "max_score")])
def test_a_lower_bound_above_the_upper_one_is_refused(low: str, high: str) -> None:
    with pytest.raises(InvalidParameter, match=f"{low}=10 is above {high}=9.5") as refused:
        _listings((high, "9.5"), (low, "10"))
    assert refused.value.members == {"parameter": low, "value": "10"}
    assert _listings((low, "9.5"), (high, "9.5")) == {low: 9.5, high: 9.5}


def test_an_unknown_parameter_is_refused_with_the_nearest_and_all_known() -> None:
    with pytest.raises(UnknownParameter) as refused:
        read_parameters(ListingQuery, [("min_scores", "1")])
    assert (refused.value.members["parameter"], refused.value.members["nearest"]) == (
        "min_scores",
        "min_score",
    )
    assert refused.value.members["known"] == list(ListingQuery.model_fields)


def test_an_unknown_parameter_is_refused_even_when_empty() -> None:
    with pytest.raises(UnknownParameter):
        read_parameters(NoParameters, [("model", "")])


@pytest.mark.parametrize("name", ["offset", "page"])
def test_other_ways_of_paging_are_pointed_to_the_cursor(name: str) -> None:
    with pytest.raises(UnknownParameter, match="cursor"):
        read_parameters(ListingQuery, [(name, "2")])


def test_a_value_of_invisible_characters_counts_as_absent() -> None:
    given = [("region", "\u00ad"), ("min_price_change_pct", "\u200b ")]
    assert read_parameters(DeltaQuery, given).model_dump(exclude_unset=True) == {}
