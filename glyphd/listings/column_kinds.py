"""The kind of value in each column of a list, for formats with typed columns."""

from collections.abc import Mapping
from enum import Enum, auto

from glyphd.contracts.cells import BooleanCell, Cell, JsonCell, TimeCell
from glyphd.contracts.columns import COLUMN
from glyphd.contracts.extras import ExtraCell
from glyphd.contracts.numeric_cells import IntegerCell, NumberCell
from glyphd.listings.quantiles import QUANTILES


class Kind(Enum):
    """Times and dates are texts of one width; nested values are JSON."""

    TEXT = auto()
    INTEGER = auto()
    NUMBER = auto()
    BOOLEAN = auto()
    TIME = auto()
    DATE = auto()
    JSON = auto()


_OF_CELLS: Mapping[type[Cell], Kind] = {
    IntegerCell: Kind.INTEGER,
    NumberCell: Kind.NUMBER,
    BooleanCell: Kind.BOOLEAN,
    TimeCell: Kind.TIME,
    JsonCell: Kind.JSON,
    ExtraCell: Kind.JSON,
}

_ADDED = {
    Kind.INTEGER: (
        *("import_index", "line", "schema_version", "old_import_index", "new_import_index"),
        *("listing_count", "row", "record_count", "size_bytes", "rows_read", "error_count"),
        *("bytes_read", "attempt", "blank_rows", "event_id", "milliseconds", "http_status"),
        *("failures", "after", "id", "seller_count", "new", "gone", "back", "days_listed"),
        *("matched_count", "current_listings"),
    ),
    Kind.NUMBER: (
        *("price_delta", "price_delta_pct", "score_delta", "previous_price_usd"),
        *("old_price_usd", "new_price_usd", "old_score", "new_score", "progress"),
        *(f"{name}_{of}" for of in ("price", "score") for name in ("min", "max", "avg")),
        *(f"{name}_{of}" for of in ("price", "score") for name in QUANTILES),
        *(f"{name}score_per_1000_usd" for name in ("", "median_", "max_")),
        *("price_percentile", "price_vs_median_pct", "lowest_price", "lowest_price_90d"),
        *("usd_per_gb", "price_index", "median_relative", "usual_interval_seconds"),
    ),
    Kind.BOOLEAN: (
        "indistinct",
        "is_lowest",
        "dry_run",
        "errors_truncated",
        "stalled",
        "replay",
        "enabled",
        "complete",
        "allow_shrink",
        "silent",
    ),
    Kind.TIME: (
        *("first_seen_at", "imported_at", "rolled_back_at", "gone_at", "last_seen_at"),
        "lowest_at",
        *("previous_seen_at", "timestamp", "received_at", "started_at", "heartbeat_at"),
        *("finished_at", "occurred_at", "created_at", "last_delivered_at", "failing_since"),
        *("next_attempt_at", "last_received_at", "last_success_at", "silent_since", "complete_at"),
    ),
    Kind.DATE: ("bucket",),
    Kind.JSON: (
        *("ignored_columns", "warnings", "summary", "effect", "error", "error_summary"),
        *("errors", "links", "data", "kinds"),
    ),
}

KINDS: Mapping[str, Kind] = {
    name: _OF_CELLS.get(type(column.cell), Kind.TEXT) for name, column in COLUMN.items()
} | {name: kind for kind, names in _ADDED.items() for name in names}
"""The kinds by column; a column that is not here is text. A name means the same in every list."""


def kind_of(column: str) -> Kind:
    return KINDS.get(column, Kind.TEXT)
