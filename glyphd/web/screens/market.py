"""`/`: the market at a glance, model by model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Annotated, Any, Literal

from bottle import HTTPResponse
from markupsafe import Markup
from pydantic import Field

from glyphd.api.needs import READ
from glyphd.api.routes import Route
from glyphd.contracts.cells import TextCell
from glyphd.contracts.numeric_cells import IntegerCell
from glyphd.contracts.parameter_reading import read_parameters
from glyphd.contracts.queries import Query, QueryTime
from glyphd.contracts.texts import fold_ascii
from glyphd.db.archive_versions import archive_version
from glyphd.history.market_models import MODEL_COLUMNS, Models
from glyphd.history.market_totals import MarketTotals, market_totals
from glyphd.history.price_trends import SHOWN_DAYS, PriceTrend, PriceTrends, Trends
from glyphd.listings.search import known_at
from glyphd.services import Services
from glyphd.web.charts import sparkline, spread_bar
from glyphd.web.theme import Theme, here
from glyphd.web.wording import money

PAGE_MODELS = 50
MarketSort = Literal[
    "model", "-model", "listing_count", "-listing_count", "min_price", "-min_price",
    "median_price", "-median_price",
    "change_7_days", "-change_7_days", "change_30_days", "-change_30_days",
    "max_score_per_1000_usd", "-max_score_per_1000_usd",
    "last_seen_at", "-last_seen_at",
]  # fmt: skip
CHANGES = (7, 30)
"""The changes of the median that are shown, over this many days."""

Model = dict[str, Any]


class MarketQuery(Query):
    """The parameters of the market page."""

    q: Annotated[str | None, TextCell()] = Field(
        None, description="Part of the model, ignoring ASCII case"
    )
    sort: MarketSort = Field("model", description="Order; a leading - is descending")
    start: Annotated[int, IntegerCell(minimum=0)] = Field(
        0, description="How many models are before the first shown"
    )
    as_of: QueryTime | None = Field(
        None, description="The market as the archive knew it at this moment"
    )


_SPREAD = ("min_price", "p25_price", "median_price", "p75_price", "max_price")


@dataclass(frozen=True)
class Strip:
    """A few current numbers. For a moment in the past only what the archive knows."""

    offers: int
    models: int
    totals: MarketTotals
    workers: int | None
    waiting: int | None


class MarketScreen:
    def __init__(self, services: Services, theme: Theme) -> None:
        self._services = services
        self._theme = theme

    def routes(self) -> list[Route]:
        return [Route("GET", "/", self.show, READ)]

    def show(self) -> HTTPResponse:
        asked = read_parameters(MarketQuery, here().pairs)
        archive = self._services.archive
        with archive.connection_context():
            series = Models(archive, asked.as_of)
            version = archive_version(archive)
            rows = self._services.remembered.rows(series)
            models = [dict(zip(MODEL_COLUMNS, row, strict=True)) for row in rows]
            totals = market_totals(archive, known_at(archive, asked.as_of))
            trends = self._services.remembered.price_trends(asked.as_of)
        if not version and asked.as_of is None:
            waiting = self._services.registry.count_unfinished()
            return self._theme.page("market_empty.html", {"waiting": waiting})
        strip = self._strip(asked, models, totals)
        values = {"asked": asked, "strip": strip, "changes": CHANGES} | _shown_trends(trends)
        table = partial(shown_from, arranged(with_trends(models, trends), asked), asked.start)
        return self._theme.fitted("market.html", lambda limit: values | table(limit), PAGE_MODELS)

    def _strip(self, asked: MarketQuery, models: Sequence[Model], totals: MarketTotals) -> Strip:
        offers = sum(model["listing_count"] for model in models)
        registry, workers, waiting = self._services.registry, None, None
        if asked.as_of is None:
            workers, waiting = registry.workers_alive(), registry.count_unfinished()
        return Strip(offers, len(models), totals, workers, waiting)


def with_trends(models: Sequence[Model], trends: Trends) -> list[Model]:
    """The models with their trends and the changes of their medians; None where one is unknown."""
    found = trends.by_model() if isinstance(trends, PriceTrends) else {}
    return [model | _lately(found.get(fold_ascii(model["model"]))) for model in models]


def _lately(trend: PriceTrend | None) -> dict[str, Any]:
    changes = {f"change_{days}_days": trend and trend.change_pct(days) for days in CHANGES}
    return {"trend": trend, **changes}


def arranged(models: Sequence[Model], asked: MarketQuery) -> list[Model]:
    """The matching models in the requested order; equal ones by name, and those without a value
    last."""
    wanted = fold_ascii(asked.q or "")
    found = [model for model in models if wanted in fold_ascii(model["model"])]
    key = asked.sort.removeprefix("-")
    by_name: Callable[[Model], Any] = partial(_key, "model")
    found.sort(key=by_name)
    known = [model for model in found if model[key] is not None]
    known.sort(key=partial(_key, key), reverse=asked.sort.startswith("-"))
    return known + [model for model in found if model[key] is None]


def shown_from(found: Sequence[Model], start: int, limit: int) -> dict[str, Any]:
    """At most this many models, and the starts of the previous and the next page."""
    return {
        "models": with_charts(found[start : start + limit]),
        "matching": len(found),
        "start": start,
        "previous_start": str(start - limit) if start > limit else None,
        "next_start": str(start + limit) if len(found) > start + limit else None,
    }


def with_charts(models: Sequence[Model]) -> list[Model]:
    """The models of one page with a chart of their prices now, and one of their medians over
    time."""
    return [
        model | {"spread": _spread_of(model), "line": _line_of(model["trend"])} for model in models
    ]


def _spread_of(model: Model) -> Markup:
    prices = [model[name] for name in _SPREAD]
    lowest, p25, median, p75, highest = map(money, prices)
    label = f"{lowest} to {highest}; the middle half {p25} to {p75}, the median {median}"
    return spread_bar(label, prices)


def _line_of(trend: PriceTrend | None) -> Markup | None:
    points = trend.points() if trend else []
    if trend is None or not points:
        return None
    medians = [median for _, median in points]
    (first_day, first), (last_day, last) = points[0], points[-1]
    label = f"Median {money(first)} on {first_day}"
    if len(points) > 1:
        label += f" and {money(last)} on {last_day}"
    if len(points) > 2:
        label += f", between {money(min(medians))} and {money(max(medians))}"
    oldest = trend.last_day - timedelta(days=SHOWN_DAYS - 1)
    places = [((day - oldest).days / (SHOWN_DAYS - 1), median) for day, median in points]
    return sparkline(label, places)


def _shown_trends(trends: Trends) -> dict[str, Any]:
    """The trends, or why they are missing."""
    is_there = isinstance(trends, PriceTrends)
    return {"trends": trends if is_there else None, "missing": None if is_there else trends}


def _key(name: str, model: Model) -> Any:
    value = model[name]
    return fold_ascii(value) if name == "model" else value
