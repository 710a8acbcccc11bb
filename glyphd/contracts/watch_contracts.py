"""The contracts of watches: the requests that create or change one, and how it is shown."""

from enum import StrEnum
from typing import Annotated, Any, Self, get_origin

from pydantic import (
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from glyphd.contracts.contract_base import ONE_LINE, Contract
from glyphd.contracts.described_as import TimeText
from glyphd.contracts.numeric_cells import IntegerCell
from glyphd.contracts.queries import Limit, MarketFilters, PageQuery

MOST_PERCENT = 100.0

WatchName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=ONE_LINE),
]


class WatchCondition(StrEnum):
    """What must happen to an offer."""

    PRICE_BELOW = "price_below"
    DROP_PCT = "drop_pct"
    NEW = "new"
    GONE = "gone"
    BACK = "back"
    LOWEST_EVER = "lowest_ever"

    @property
    def has_value(self) -> bool:
        """Whether the condition has a price or a percentage."""
        return self in (WatchCondition.PRICE_BELOW, WatchCondition.DROP_PCT)


class WatchFilters(MarketFilters):
    """Which offers a watch is about: the filters of listings. A list may be given as one text."""

    @model_validator(mode="before")
    @classmethod
    def _listed(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        found = {name: value for name, value in given.items() if value is not None}
        for name, field in cls.model_fields.items():
            if get_origin(field.annotation) is list and isinstance(found.get(name), str):
                found[name] = [found[name]]
        return found

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for low in (name for name in type(self).model_fields if name.startswith("min_")):
            least, most = getattr(self, low), getattr(self, low.replace("min_", "max_", 1), None)
            if least is not None and most is not None and least > most:
                raise ValueError(f"{low} is above {low.replace('min_', 'max_', 1)}")
        return self

    def given(self) -> dict[str, Any]:
        """The filters that are set, by name."""
        return {name: value for name, value in self if value not in (None, [])}


class WatchBody(Contract):
    """What a watch may be created with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: WatchName = Field(description="Its name, on the page and in its events")
    filters: WatchFilters = Field(
        default_factory=lambda: WatchFilters.model_validate({}),
        description="Which offers it is about, by the filters of listings; none: all",
    )
    condition: WatchCondition = Field(description="What must happen to an offer")
    value: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)] | None = Field(
        None,
        validate_default=True,
        description="The price in US dollars of `price_below`, the percentage of `drop_pct`",
    )

    @field_validator("value")
    @classmethod
    def _fits(cls, value: float | None, info: ValidationInfo) -> float | None:
        condition = info.data.get("condition")
        fault = None if condition is None else value_fault(condition, value)
        if fault is not None:
            raise ValueError(fault)
        return value


def value_fault(condition: WatchCondition, value: float | None) -> str | None:
    """What is wrong with the combination of condition and value."""
    if condition.has_value and value is None:
        return f"{condition} needs a value"
    if not condition.has_value and value is not None:
        return f"{condition} has no value"
    if condition is WatchCondition.DROP_PCT and (value or 0) > MOST_PERCENT:
        return f"value must be at most {MOST_PERCENT:g} percent"
    return None


class WatchChange(Contract):
    """What may be changed of a watch; what is left out stays as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: WatchName = Field(default_factory=str, description="Its name")
    filters: WatchFilters = Field(
        default_factory=lambda: WatchFilters.model_validate({}),
        description="Which offers it is about; replaces all filters",
    )
    condition: WatchCondition = Field(
        WatchCondition.NEW, description="What must happen to an offer"
    )
    value: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)] | None = Field(
        None, description="The price or the percentage; null for a condition that has none"
    )


class WatchLinks(Contract):
    """The paths of the watch's parts. Whoever knows that of the feed can read it without a
    token."""

    self: str
    matches: str
    feed: str


class WatchView(Contract):
    """A watch as clients see it."""

    watch_id: str
    name: str
    filters: dict[str, Any] = Field(description="The filters that were given")
    condition: WatchCondition
    value: float | None
    created_at: TimeText
    created_by: str | None = Field(
        description="The name of the token that created it; null if none was needed"
    )
    last_matched_at: TimeText | None = Field(
        description="When it last found something; null if it never did, or long ago"
    )
    links: WatchLinks


class MatchQuery(PageQuery):
    """Page of the matches of a watch."""

    after: Annotated[int | None, IntegerCell()] = Field(
        None, description="Only matches of events later than the one with this id"
    )
    limit: Limit = Field(None, description="Page size, 100 by default")


class WatchMatchView(Contract):
    """An offer that a watch found, as it was then."""

    event_id: int = Field(description="The `watch.matched` that reports it")
    matched_at: TimeText = Field(description="When the outcome of the change was recorded")
    change: str = Field(description="What changed the offer: `import`, `rollback` or `restore`")
    import_id: str = Field(description="The import that was finished, rolled back or restored")
    listing_id: str = Field(description="The offer: 32 hex digits")
    model: str
    condition: str | None
    seller: str | None
    region: str | None
    source_url: str | None
    price_usd: float = Field(description="Its price; for a gone offer, the last one")
    previous_price_usd: float | None = Field(
        description="Its price in the market before; null for an offer that was not in it"
    )
    price_delta_pct: float | None = Field(description="The change in percent of the previous price")
    score: float
    seen_at: TimeText = Field(description="When it was observed")


MATCH_COLUMNS = tuple(WatchMatchView.model_fields)
