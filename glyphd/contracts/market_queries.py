"""The query parameters of routes that sum up the market."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from glyphd.contracts.queries import (
    Bucket,
    FilterQuery,
    GoneChoice,
    MomentQuery,
    PageQuery,
    QueryTime,
    SeenWithin,
    Words,
)
from glyphd.contracts.query_values import split_at_commas

MAX_GROUPINGS = 2
Grouping = Literal["model", "region", "condition", "seller", "source", "source_type", "vram_gb"]


def _few_groupings(names: list[Grouping]) -> list[Grouping]:
    if len(names) > MAX_GROUPINGS:
        raise ValueError(f"must name at most {MAX_GROUPINGS} columns")
    if len(set(names)) < len(names):
        raise ValueError("must name each column once")
    return names


class GroupQuery(FilterQuery):
    """The parameters of statistics in groups."""

    by: Annotated[
        list[Grouping],
        BeforeValidator(split_at_commas),
        AfterValidator(_few_groupings),
        Field(default_factory=list),
    ] = Field(
        description="A row for each value of these columns, at most 2, comma-separated; without it "
        "one row for all",
        json_schema_extra={"maxItems": MAX_GROUPINGS, "uniqueItems": True},
    )


class StatsQuery(GroupQuery):
    """The parameters of `GET /api/stats`."""

    gone: GoneChoice = "exclude"
    seen_within: SeenWithin | None = Field(
        None,
        description="Seen within this time, such as 36h or 7d, before the newest observation of "
        "its source, or before as_of",
    )


class StatsHistoryQuery(GroupQuery):
    """The parameters of `GET /api/stats/history`."""

    bucket: Bucket = Field(
        "day", description="The period of a row: day, week (from Monday) or month"
    )


class IndexQuery(PageQuery, MomentQuery):
    """The parameters of `GET /api/index`."""

    model: Words = Field(description="Model, any of those given, ignoring ASCII case")
    bucket: Bucket = Field(
        "day", description="The period of a row: day, week (from Monday) or month"
    )
    after: QueryTime | None = Field(None, description="Only what was seen strictly later than this")
    before: QueryTime | None = Field(
        None, description="Only what was seen strictly earlier than this"
    )
