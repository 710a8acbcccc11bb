"""`/models/{model}`: what one GPU model costs, now and over time, and who offers it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from bottle import HTTPResponse
from markupsafe import Markup
from pydantic import Field

from glyphd.api.model_routes import MODEL
from glyphd.api.needs import READ
from glyphd.api.routes import Route
from glyphd.contracts.change_queries import DeltaQuery
from glyphd.contracts.parameter_reading import read_parameters
from glyphd.contracts.queries import Bucket, ListingQuery, ModelHistoryQuery, Query, QueryTime
from glyphd.db.archive_versions import archive_version
from glyphd.history.buckets import ModelHistory
from glyphd.history.delta_pages import Deltas
from glyphd.history.market_models import MODEL_COLUMNS, unknown_model
from glyphd.listings.search import Search
from glyphd.services import Services
from glyphd.storage.specs import SPECS
from glyphd.web.charts import Band, Line, Picture, Point, chart, thinned
from glyphd.web.theme import Theme, here
from glyphd.web.wording import counted, money

MOST_OFFERS = 30
MOST_MOVES = 8
MOST_BUCKETS = 80
"""Rows of the history's table, and marks of its chart."""
OFFER_COLUMNS = (
    "listing_id",
    "price_usd",
    "score",
    "condition",
    "seller",
    "region",
    "availability",
    "seen_at",
)

Row = dict[str, Any]


class ModelPageQuery(Query):
    """The parameters of the page of a model."""

    as_of: QueryTime | None = Field(
        None, description="The model as the archive knew it at this moment"
    )
    bucket: Bucket = Field("day", description="How much time a row of the history stands for")


class OneModelScreen:
    def __init__(self, services: Services, theme: Theme) -> None:
        self._archive = services.archive
        self._remembered = services.remembered
        self._theme = theme

    def routes(self) -> list[Route]:
        return [Route("GET", f"/models/{MODEL}", self.show, READ)]

    def show(self, model: str) -> HTTPResponse:
        asked = read_parameters(ModelPageQuery, here().pairs)
        with self._archive.connection_context():
            headers = self._theme.require_changed(archive_version(self._archive))
            found = self._remembered.find_model(model, asked.as_of)
            if found is None:
                raise unknown_model(self._archive, model)
            summary = dict(zip(MODEL_COLUMNS, found, strict=True))
            values = self._shown(asked, summary)
        return self._theme.page("one_model.html", values | {"asked": asked}, headers)

    def _shown(self, asked: ModelPageQuery, summary: Row) -> dict[str, Any]:
        name = summary["model"]
        wanted = ModelHistoryQuery(bucket=asked.bucket, as_of=asked.as_of)
        series = ModelHistory(self._archive, name, wanted)
        rows = self._remembered.rows(series)
        buckets = [dict(zip(series.columns, row, strict=True)) for row in rows]
        return {
            "model": summary,
            "specs": [(spec, summary[spec]) for spec in SPECS if summary[spec] is not None],
            "offers": self._offers(asked, name),
            "moves": [] if asked.as_of else self._moves(name),
            "buckets": buckets[: -MOST_BUCKETS - 1 : -1],
            "bucket_count": len(buckets),
            "picture": _picture(buckets) if len(buckets) > 1 else None,
            "sentence": _sentence(buckets),
        }

    def _offers(self, asked: ModelPageQuery, name: str) -> list[Row]:
        """The cheapest ones."""
        wanted = {
            "model": [name],
            "sort": "price_usd",
            "as_of": asked.as_of,
            "fields": list(OFFER_COLUMNS),
        }
        return (
            Search(self._archive, ListingQuery.model_validate(wanted)).page(MOST_OFFERS).objects()
        )

    def _moves(self, name: str) -> list[Row]:
        """The latest ones, which are always current."""
        return (
            Deltas(self._archive, read_parameters(DeltaQuery, [("model", name)]))
            .page(MOST_MOVES)
            .objects()
        )


def _picture(buckets: Sequence[Row]) -> Markup:
    lowest, median, highest, counts = (
        thinned([_point(bucket, column) for bucket in buckets], MOST_BUCKETS)
        for column in ("min_price", "median_price", "max_price", "listing_count")
    )
    label = (
        "Lowest and median price over time, with the range of all prices, and bars for how "
        "many offers were seen"
    )
    lines = [Line("lowest", lowest, has_marks=False), Line("median", median)]
    return chart(label, Picture(lines, [Band("range", lowest, highest)], counts), write=money)


def _point(bucket: Row, column: str) -> Point:
    """All numbers of the bucket are in the tooltip of its mark."""
    lowest, median, highest = (
        money(bucket[name]) for name in ("min_price", "median_price", "max_price")
    )
    count = counted(bucket["listing_count"], "offer")
    title = f"{bucket['bucket']}: median {median}, {count} from {lowest} to {highest}"
    return Point(
        datetime.fromisoformat(bucket["bucket"]).replace(tzinfo=UTC), bucket[column], title
    )


def _sentence(buckets: Sequence[Row]) -> str:
    if not buckets:
        return ""
    first, last = buckets[0], buckets[-1]
    cheapest = min(buckets, key=lambda bucket: bucket["min_price"])
    return (
        f"The median went from {money(first['median_price'])} on {first['bucket']} to "
        f"{money(last['median_price'])} on {last['bucket']}; the lowest price of all was "
        f"{money(cheapest['min_price'])} on {cheapest['bucket']}."
    )
