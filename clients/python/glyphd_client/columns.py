"""Rows of listings: their columns as attributes, and the filters that choose them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Literal, TypedDict

from glyphd_client.records import read_record

Texts = str | Sequence[str]
Moment = datetime | str
"""A time without an offset is UTC, as everywhere in glyphd."""

Kind = Literal["text", "integer", "number", "boolean", "time", "json"]

OWN_KINDS: Mapping[str, Kind] = {
    "listing_id": "text",
    "import_id": "text",
    "import_index": "integer",
    "line": "integer",
    "first_seen_at": "time",
    "imported_at": "time",
    "rolled_back_at": "time",
    "schema_version": "integer",
    "source": "text",
    "gone_at": "time",
}
"""The columns that the service adds to a row; `/api/schema` describes the others."""

COMPUTED_KINDS: Mapping[str, Kind] = {
    "price_percentile": "number",
    "price_vs_median_pct": "number",
    "score_per_1000_usd": "number",
    "usd_per_gb": "number",
    "days_listed": "integer",
    "lowest_price": "number",
    "lowest_price_90d": "number",
    "is_lowest": "boolean",
}
"""The columns that the service computes when they are asked for."""


class ListingFilters(TypedDict, total=False):
    """What `GET /api/listings` can be asked for, as docs/API.md describes it. A list means any of
    its items; None counts as left out."""

    model: Texts | None
    region: Texts | None
    condition: Texts | None
    seller: Texts | None
    source_type: Texts | None
    source: Texts | None
    import_id: Texts | None
    model_contains: str | None
    q: str | None
    min_score: float | None
    max_score: float | None
    min_price: float | None
    max_price: float | None
    min_vram_gb: int | None
    after: Moment | None
    before: Moment | None
    as_of: Moment | None
    history: bool
    gone: Literal["exclude", "include", "only"]
    seen_within: str | None
    sort: str | None


class ImportFilters(TypedDict, total=False):
    """What `GET /api/imports` can be asked for."""

    status: Literal["queued", "running", "succeeded", "failed", "cancelled"] | None
    source: str | None
    by: str | None
    sha256: str | None
    received_after: Moment | None
    received_before: Moment | None


@dataclass(frozen=True, kw_only=True)
class Listing:
    """One scored offer as the service returns it. `raw` is the row itself, with columns that are
    newer than this client.

    The columns from `price_percentile` on are None unless they were asked for, see
    `Listings.with_computed`.
    """

    model: str
    price_usd: float
    condition: str | None = None
    quantity: int | None = None
    availability: str | None = None
    min_order_qty: int | None = None
    seller: str | None = None
    region: str | None = None
    vram_gb: int | None = None
    mig_capable: int | None = None
    tdp_watts: int | None = None
    cuda_cores: int | None = None
    slot_width: float | None = None
    pcie_generation: float | None = None
    nvlink: bool | None = None
    generation: str | None = None
    form_factor: str | None = None
    quantization_capacity_7b: int | None = None
    quantization_capacity_13b: int | None = None
    quantization_capacity_70b: int | None = None
    score: float
    heuristics: Any = None
    seen_at: datetime
    source_url: str | None = None
    source_type: str | None = None
    title: str | None = None
    listing_id: str
    import_id: str
    import_index: int
    line: int | None = None
    first_seen_at: datetime
    imported_at: datetime
    rolled_back_at: datetime | None = None
    schema_version: int
    source: str | None = None
    gone_at: datetime | None = None
    price_percentile: float | None = None
    price_vs_median_pct: float | None = None
    score_per_1000_usd: float | None = None
    usd_per_gb: float | None = None
    days_listed: int | None = None
    lowest_price: float | None = None
    lowest_price_90d: float | None = None
    is_lowest: bool | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


ALL_COLUMNS = tuple(column.name for column in fields(Listing) if column.name != "raw")
"""The columns of a listing with the computed ones."""


def read_listing(row: Mapping[str, Any]) -> Listing:
    """A row of the service's answer."""
    return read_record(Listing, {**row, "raw": row})


def column_kinds(schema: Mapping[str, Any]) -> dict[str, Kind]:
    """What each column holds, from the answer of `/api/schema`."""
    properties: Mapping[str, Mapping[str, Any]] = schema["json_schema"]["properties"]
    return {name: _kind(about) for name, about in properties.items()} | {
        **OWN_KINDS,
        **COMPUTED_KINDS,
    }


def _kind(about: Mapping[str, Any]) -> Kind:
    types = about.get("type", [])
    names = [types] if isinstance(types, str) else [name for name in types if name != "null"]
    kinds: Mapping[str, Kind] = {"integer": "integer", "number": "number", "boolean": "boolean"}
    if names == ["string"]:
        return "time" if about.get("format") == "date-time" else "text"
    return kinds.get(names[0], "json") if len(names) == 1 else "json"
