"""The query parameters of each route as pydantic contracts."""

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)

from glyphd.contracts.cells import BooleanCell, TextCell
from glyphd.contracts.contract_base import Contract
from glyphd.contracts.import_contracts import ImportStatus
from glyphd.contracts.import_options import (
    AllowShrink,
    Complete,
    Description,
    ImportOptions,
    Label,
)
from glyphd.contracts.numeric_cells import IntegerCell, NumberCell
from glyphd.contracts.parameter_reading import NEVER_BLANK
from glyphd.contracts.query_values import few_words, hours, query_time, split_at_commas

MAX_LIMIT = 10_000
MAX_WAIT_SECONDS = 60

Words = Annotated[
    list[Annotated[str, TextCell(required=True, max_length=2000)]], Field(default_factory=list)
]
Bound = Annotated[float | None, NumberCell()]
QueryTime = Annotated[
    str, AfterValidator(query_time), WithJsonSchema({"type": "string", "format": "date-time"})
]
Moment = Annotated[
    QueryTime | None,
    NEVER_BLANK,
    Field(description="As the archive knew it at this moment, inclusive"),
]
Limit = Annotated[int | None, IntegerCell(minimum=1, maximum=MAX_LIMIT)]
Flag = Annotated[bool | None, BooleanCell()]
OutputFormat = Literal["json", "csv", "ndjson", "parquet"]
SeenWithin = Annotated[
    int,
    BeforeValidator(hours),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,5}[hd]$", "examples": ["36h", "7d"]}),
]
"""A number of hours."""
Bucket = Literal["day", "week", "month"]
Gone = Literal["exclude", "include", "only"]
GoneChoice = Annotated[
    Gone,
    Field(
        description="Whether offers count that a later complete file of the same source, or a "
        "smaller group, no longer lists: exclude (the default), include, or only these"
    ),
]
SortKey = Literal[
    "seen_at",
    "-seen_at",
    "price_usd",
    "-price_usd",
    "score",
    "-score",
    "model",
    "-model",
    "import_index",
    "-import_index",
    "score_per_1000_usd",
    "-score_per_1000_usd",
    "usd_per_gb",
    "-usd_per_gb",
    "price_vs_median_pct",
    "-price_vs_median_pct",
]


class Query(Contract):
    """Parameters of one route."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NoParameters(Query):
    """A route that takes none."""


class StatusQuery(Query):
    """The parameters for the status of an import."""

    wait: Annotated[int | None, IntegerCell(maximum=MAX_WAIT_SECONDS)] = Field(
        None, description="Seconds, at most 60, to wait until the status changes"
    )


class OutputQuery(Query):
    """The format of a list."""

    format: OutputFormat | None = Field(
        None, description="Output format; else by the Accept header"
    )
    safe: Flag = Field(
        None, description="With format=csv: guard cells against spreadsheet formulas"
    )
    bom: Flag = Field(None, description="With format=csv: a byte order mark first, for Excel")


class PageQuery(OutputQuery):
    """The format and page of a list without filters."""

    limit: Limit = Field(None, description="Page size; without it the whole list is returned")
    cursor: str | None = Field(
        None, description="Where the page starts, from the Link header of the previous one"
    )


class MarketFilters(Query):
    """The filters that choose offers by what their rows say."""

    model: Words = Field(description="Model, any of those given, ignoring ASCII case")
    region: Words = Field(description="Region, any of those given, ignoring ASCII case")
    condition: Words = Field(description="Condition, any of those given, ignoring ASCII case")
    seller: Words = Field(description="Seller, any of those given, ignoring ASCII case")
    source_type: Words = Field(description="Source type, any of those given, ignoring ASCII case")
    source: Words = Field(
        description="Source of the import, any of those given, ignoring ASCII case"
    )
    model_contains: Annotated[str | None, TextCell()] = Field(
        None, description="Part of the model, ignoring ASCII case"
    )
    q: Annotated[str | None, TextCell(max_length=200), AfterValidator(few_words)] = Field(
        None,
        description="Words, at most 10, all of which occur in model, title, seller or region, "
        "in any case",
    )
    min_score: Bound = Field(None, description="Lowest score, inclusive")
    max_score: Bound = Field(None, description="Highest score, inclusive")
    min_price: Bound = Field(None, description="Lowest price in US dollars, inclusive")
    max_price: Bound = Field(None, description="Highest price in US dollars, inclusive")
    min_vram_gb: Annotated[int | None, IntegerCell()] = Field(
        None, description="Minimum video memory in GB, inclusive"
    )
    after: QueryTime | None = Field(None, description="Seen strictly later than this")
    before: QueryTime | None = Field(None, description="Seen strictly earlier than this")


class FilterQuery(MarketFilters, PageQuery):
    """The filters of listings, which every list that is made of listings has."""

    import_id: Annotated[Words, NEVER_BLANK] = Field(
        description="Exactly the rows of these imports, even if superseded since"
    )
    as_of: Annotated[QueryTime | None, NEVER_BLANK] = Field(
        None, description="The market as the archive knew it at this moment, inclusive"
    )


class ListingQuery(FilterQuery):
    """Filters, order and page of `GET /api/listings`."""

    gone: GoneChoice = "exclude"
    seen_within: SeenWithin | None = Field(
        None,
        description="Seen within this time, such as 36h or 7d, before the newest observation of "
        "its source, or before as_of",
    )
    history: Flag = Field(
        None, description="Every scoring event, not just the latest of each listing"
    )
    sort: SortKey | None = Field(None, description="Order; a leading - is descending")
    count: Literal["exact"] | None = Field(None, description="exact adds X-Total-Count")
    fields: Annotated[list[str], BeforeValidator(split_at_commas), Field(default_factory=list)] = (
        Field(description="Columns to return, comma-separated, in that order")
    )


class SourceQuery(Query):
    """Which event of a listing `GET /api/listings/{listing_id}/source` returns."""

    import_id: Annotated[str | None, TextCell(max_length=64), NEVER_BLANK] = Field(
        None, description="The import whose event is meant; default: the current event"
    )


class ImportQuery(PageQuery):
    """Filters and page of `GET /api/imports`."""

    status: ImportStatus | None = Field(None, description="Imports with this status")
    source: Annotated[str | None, TextCell()] = Field(
        None, description="Source given with the upload"
    )
    by: Annotated[str | None, TextCell(max_length=100)] = Field(
        None, description="Name of the token that they were sent with"
    )
    sha256: Annotated[str | None, TextCell(max_length=64)] = Field(
        None, description="SHA-256 of the upload, in hex"
    )
    received_after: QueryTime | None = Field(None, description="Received strictly later than this")
    received_before: QueryTime | None = Field(
        None, description="Received strictly earlier than this"
    )
    limit: Limit = Field(None, description="Page size, 100 by default")
    count: Literal["exact"] | None = Field(None, description="exact adds X-Total-Count")


class ErrorQuery(PageQuery):
    """Page of `GET /api/imports/{import_id}/errors`."""


class MomentQuery(OutputQuery):
    """The format of a list that supports `as_of`."""

    as_of: Moment = None


class ModelsQuery(PageQuery, MomentQuery):
    """The parameters of `GET /api/models`."""

    gone: GoneChoice = "exclude"


class ModelQuery(Query):
    """The parameters of `GET /api/models/{model}`."""

    as_of: Moment = None
    gone: GoneChoice = "exclude"


class ModelHistoryQuery(PageQuery, MomentQuery):
    """The parameters of `GET /api/models/{model}/history`."""

    bucket: Bucket = Field(
        "day", description="The period of a row: day, week (from Monday) or month"
    )
    after: QueryTime | None = Field(None, description="Only what was seen strictly later than this")
    before: QueryTime | None = Field(
        None, description="Only what was seen strictly earlier than this"
    )


class PersistQuery(Query):
    """The options for rows sent as JSON."""

    source: Label | None = Field(
        None, description="Where the rows come from; stored with the import"
    )
    description: Description | None = Field(None, description="Free text; stored with the import")
    complete: Complete = False
    allow_shrink: AllowShrink = False


class ChangeQuery(Query):
    """The options of a rollback or a restore."""

    reason: Description | None = Field(None, description="The reason; stored with the change")
    dry_run: Flag = Field(None, description="Say what would change, and change nothing")


class UploadQuery(ImportOptions):
    """The import's options, and the name of a raw body."""

    filename: Annotated[str | None, TextCell(max_length=255)] = Field(
        None, description="Name of a raw body"
    )
