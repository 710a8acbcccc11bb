"""The query parameters of the lists of what changed in the market."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from glyphd.contracts.numeric_cells import NumberCell
from glyphd.contracts.parameter_reading import NEVER_BLANK
from glyphd.contracts.queries import PageQuery, QueryTime, Words
from glyphd.contracts.query_values import split_at_commas, split_each

DiffKind = Literal["added", "removed", "changed"]
MomentDiffKind = Literal["added", "removed", "changed", "gone"]
DeltaKind = Literal["price", "score", "new", "gone", "back"]


class DiffQuery(PageQuery):
    """The parameters for the difference between two imports."""

    kind: DiffKind | None = Field(
        None, description="added, removed or changed for that list; default: the counts"
    )
    fields: Annotated[list[str], BeforeValidator(split_at_commas), Field(default_factory=list)] = (
        Field(description="Columns to return, comma-separated, in that order")
    )


class MomentDiffQuery(PageQuery):
    """The parameters for the difference between two moments."""

    from_: Annotated[QueryTime, NEVER_BLANK] = Field(
        alias="from", description="The first moment, inclusive"
    )
    to: Annotated[QueryTime | None, NEVER_BLANK] = Field(
        None, description="The second moment, inclusive; default: now"
    )
    kind: MomentDiffKind | None = Field(
        None, description="added, removed, changed or gone for that list; default: the counts"
    )
    fields: Annotated[list[str], BeforeValidator(split_at_commas), Field(default_factory=list)] = (
        Field(description="Columns to return, comma-separated, in that order")
    )


class DeltaQuery(PageQuery):
    """Filters and page of `GET /api/deltas`."""

    model: Words = Field(description="Model, any of those given, ignoring ASCII case")
    region: Words = Field(description="Region, any of those given, ignoring ASCII case")
    min_price_change_pct: Annotated[float | None, NumberCell(minimum=0)] = Field(
        None, description="Minimum change of the price in percent, up or down, inclusive"
    )
    seller: Words = Field(description="Seller, any of those given, ignoring ASCII case")
    kind: Annotated[list[DeltaKind], BeforeValidator(split_each), Field(default_factory=list)] = (
        Field(description="What happened, comma-separated; default: price,score")
    )
    direction: Literal["up", "down"] | None = Field(
        None, description="Only prices that rose or fell; with kind=score, scores"
    )
    after: QueryTime | None = Field(None, description="Observed strictly later than this")
    before: QueryTime | None = Field(None, description="Observed strictly earlier than this")
    import_id: Annotated[Words, NEVER_BLANK] = Field(description="Changes in these imports")
