"""The columns of lists: those of a row by its contract, and those computed from rows.

Each is described once, whichever lists have it: lists refer to their columns by name, and this
module has a type and a sentence for each.
"""

from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Any

from pydantic import Field

from glyphd.contracts.columns import CURRENCY, REQUIRED, ListingColumns
from glyphd.contracts.contract_base import Contract
from glyphd.contracts.described_as import TimeText
from glyphd.contracts.import_contracts import ScoredListingDTO


class ComputedColumns(Contract):
    """Columns that no file has."""

    indistinct: bool = Field(description="The event can't be matched to one offer")
    price_delta: float | None = Field(description="The price minus the previous one")
    price_delta_pct: float | None = Field(
        description="The same in percent of the previous price; null if that was 0"
    )
    score_delta: float | None = Field(description="The score minus the previous one")
    previous_price_usd: float | None = Field(description="The previous price; null for a new offer")
    previous_seen_at: TimeText | None = Field(description="When that was observed")
    previous_import_id: str | None = Field(description="The import that it came with")
    timestamp: TimeText = Field(description="When the change was observed")
    kind: str = Field(description="What happened: `price`, `score`, `new`, `gone` or `back`")
    old_price_usd: float = Field(description="The price in the first import")
    new_price_usd: float = Field(description="The price in the second import")
    old_score: float = Field(description="The score in the first import")
    new_score: float = Field(description="The score in the second import")
    old_import_index: int = Field(description="The record's number in the first file")
    new_import_index: int = Field(description="The record's number in the second file")
    old_import_id: str = Field(description="The import of the first observation")
    new_import_id: str = Field(description="The import of the second one")
    bucket: date = Field(description="The day, in UTC, on which the bucket begins")
    price_percentile: float | None = Field(
        description="The percentage of the other current offers of the same model and condition "
        "that are cheaper; null if there are none, and for a row that is not a current "
        "offer"
    )
    price_vs_median_pct: float | None = Field(
        description="By how many percent the price is above the median of the current offers of "
        "the same model and condition; null without one, and if that is 0"
    )
    score_per_1000_usd: float | None = Field(
        description="The score per 1000 dollars; null if the price is 0"
    )
    usd_per_gb: float | None = Field(
        description="The price of a gigabyte of video memory; null if that is unknown or 0"
    )
    days_listed: int | None = Field(
        description="Days from the day on which the listing was first seen to that of this row; "
        "null for an indistinct offer, like the following columns"
    )
    lowest_price: float | None = Field(
        description="The lowest price that was ever seen: of a listing up to this row, of a model, "
        "or in the bucket"
    )
    lowest_at: TimeText = Field(description="When that was first seen")
    lowest_price_90d: float | None = Field(
        description="The same since the 90th day before the row's"
    )
    is_lowest: bool | None = Field(description="The row has that lowest price")
    price_index: float = Field(description="The index; 100 in the first bucket")
    matched_count: int = Field(
        description="How many listings were observed in both this bucket and the previous one"
    )
    median_relative: float | None = Field(
        description="The median of the price relatives of these; null if there are none"
    )
    listing_count: int = Field(description="How many listings there are")
    min_price: float | None = Field(description="Lowest price in US dollars")
    p10_price: float | None = Field(description="The 10th percentile of the prices, interpolated")
    p25_price: float | None = Field(description="The 25th percentile of the prices, interpolated")
    median_price: float | None = Field(
        description="Median price; the mean of the two in the middle"
    )
    p75_price: float | None = Field(description="The 75th percentile of the prices")
    p90_price: float | None = Field(description="The 90th percentile of the prices")
    max_price: float | None = Field(description="Highest price")
    avg_price: float | None = Field(description="Mean price, rounded to six decimals")
    min_score: float | None = Field(description="Lowest score")
    p10_score: float | None = Field(description="The 10th percentile of the scores, interpolated")
    p25_score: float | None = Field(description="The 25th percentile of the scores, interpolated")
    median_score: float | None = Field(description="Median score")
    p75_score: float | None = Field(description="The 75th percentile of the scores")
    p90_score: float | None = Field(description="The 90th percentile of the scores")
    max_score: float | None = Field(description="Highest score")
    max_score_per_1000_usd: float | None = Field(
        description="Highest of the scores per 1000 dollars; null if there are none"
    )
    avg_score: float | None = Field(description="Mean score, rounded to six decimals")
    median_score_per_1000_usd: float | None = Field(
        description="Median of the scores per 1000 dollars; null if there are none"
    )
    seller_count: int = Field(description="How many different sellers there are")
    last_seen_at: TimeText | None = Field(description="The latest seen_at")
    new: int = Field(description="How many of the listings were first seen in the bucket")
    gone: int = Field(description="How many listings became gone in the bucket")
    back: int = Field(description="How many were listed again in it after they had been gone")


@cache
def column_schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema of each column that any list has."""
    computed = ComputedColumns.model_json_schema(mode="serialization")["properties"]
    of_rows = ScoredListingDTO.model_json_schema(mode="serialization")["properties"]
    return {**computed, **of_rows}


def rows_schema(columns: Sequence[str], *, chosen: bool = False) -> dict[str, Any]:
    """JSON Schema of one row with these columns; `chosen`: a client may choose some of them."""
    known = column_schemas()
    described = {name: known[name] for name in columns}
    required = {} if chosen else {"required": list(columns)}
    return {"type": "object", "properties": described, **required}


def given_row_schema() -> dict[str, Any]:
    """JSON Schema of a row as JSON gives it: a number may be a text too, as in a file."""
    described = ListingColumns.model_json_schema()["properties"]
    given = {name: _or_text(schema) for name, schema in described.items()}
    given[CURRENCY] = {"type": ["string", "null"], "description": "`USD`, `US$`, `$` or nothing"}
    return {"type": "object", "properties": given, "required": list(REQUIRED)}


def _or_text(schema: dict[str, Any]) -> dict[str, Any]:
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if {"integer", "number", "boolean"}.isdisjoint(kinds):
        return schema
    return schema | {"type": [*kinds, "string"]}
