"""Listings to store."""

from typing import Any

from glyphd.contracts.column_checks import CheckOptions
from glyphd.contracts.gpu_listings import GPUListingDTO
from glyphd.storage.staging import StagedColumns
from glyphd.storage.stores import staged_columns

NOW = "2025-07-29T12:12:00.000000Z"


def listing(**values: Any) -> GPUListingDTO:
    """An offer of an L4, unless the values say otherwise."""
    return GPUListingDTO.model_validate({"model": "L4", "price_usd": 2400, "score": 0.7} | values)


def seen(day: int, **values: Any) -> GPUListingDTO:
    """The same, seen at noon on a day in July."""
    return listing(seen_at=f"2025-07-{day:02}T12:00:00Z", **values)


def rows(*listings: GPUListingDTO) -> StagedColumns:
    """The offers as a stage takes them; one without a time was seen at NOW."""
    (columns,) = staged_columns(listings, CheckOptions(NOW))
    return columns
