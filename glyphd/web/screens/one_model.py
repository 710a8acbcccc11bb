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
from glyphd.listings.peers import Peers
from glyphd.listings.quantiles import quantile_of
from glyphd.listings.search import Search, known_at
from glyphd.listings.statements import Statements
from glyphd.services import Services
from glyphd.storage.specs import SPECS
from glyphd.web.charts import Band, Line, Picture, Point, chart, thinned
from glyphd.web.histograms import Bin, bins_of, histogram, words_of
from glyphd.web.theme import Theme, here
from glyphd.web.wording import counted, money

MOST_OFFERS = 30
MOST_CHANGES = 6
MOST_CONDITIONS = 8
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

_DRAWN = ("min_price", "p25_price", "median_price", "p75_price", "max_price", "listing_count")

GONE_COLUMNS = ("listing_id", "price_usd", "seller", "region", "gone_at")

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
        self._statements = Statements()

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
            "lately": [] if asked.as_of else self._lately(name),
            "buckets": buckets[: -MOST_BUCKETS - 1 : -1],
            "bucket_count": len(buckets),
            "picture": _picture(buckets) if len(buckets) > 1 else None,
            "sentence": _sentence(buckets),
        } | self._spread(asked, name)

    def _spread(self, asked: ModelPageQuery, name: str) -> dict[str, Any]:
        """How the prices of the current offers are spread, all together and by condition."""
        known = known_at(self._archive, asked.as_of)
        groups = Peers(self._archive, known, self._remembered.kept).groups(name)
        prices = sorted(price for group in groups for price in group.prices)
        bins = bins_of(prices)
        largest = sorted(groups, key=lambda group: -len(group.prices))[:MOST_CONDITIONS]
        by_condition = [
            {"condition": _begun_large(group.condition), **_quartiles(group.prices)}
            for group in largest
        ]
        label = "How many offers have which price, with the middle half of the prices"
        return {
            "by_condition": by_condition,
            "condition_count": len(groups),
            "bins": [_shown(bins, number) for number in range(len(bins))],
            "histogram": histogram(label, bins, prices, money) if bins else None,
        }

    def _offers(self, asked: ModelPageQuery, name: str) -> list[Row]:
        """The cheapest offers."""
        wanted = {"sort": "price_usd", "as_of": asked.as_of, "fields": list(OFFER_COLUMNS)}
        return self._listings(name, wanted, MOST_OFFERS)

    def _lately(self, name: str) -> list[tuple[str, list[Row]]]:
        """The latest changes by kind, always of the present."""
        found = []
        for kind in ("price,score", "new"):
            asked = read_parameters(DeltaQuery, [("model", name), ("kind", kind)])
            found.append((kind, Deltas(self._archive, asked).page(MOST_CHANGES).objects()))
        # Offers that are gone now, not all that were gone at some time.
        wanted = {"gone": "only", "fields": list(GONE_COLUMNS)}
        found.append(("gone", self._listings(name, wanted, MOST_CHANGES)))
        return [(kind, rows) for kind, rows in found if rows]

    def _listings(self, name: str, wanted: Row, limit: int) -> list[Row]:
        """The first listings of a model."""
        asked = ListingQuery.model_validate({"model": [name], **wanted})
        return Search(self._archive, asked, self._statements).page(limit).objects()


def _picture(buckets: Sequence[Row]) -> Markup:
    lowest, p25, median, p75, highest, counts = (
        thinned([_point(bucket, column) for bucket in buckets], MOST_BUCKETS) for column in _DRAWN
    )
    label = (
        "Lowest and median price over time, with the range of all prices and of their middle half, "
        "and bars for how many offers were seen"
    )
    lines = [Line("lowest", lowest, has_marks=False), Line("median", median)]
    bands = [Band("range", lowest, highest), Band("quartiles", p25, p75)]
    return chart(label, Picture(lines, bands, counts), write=money)


def _point(bucket: Row, column: str) -> Point:
    """All numbers of the bucket are in the tooltip of its mark."""
    lowest, p25, median, p75, highest = (money(bucket[name]) for name in _DRAWN[:5])
    count = counted(bucket["listing_count"], "offer")
    title = (
        f"{bucket['bucket']}: median {median}, {count} from {lowest} to {highest}, half of them "
        f"from {p25} to {p75}"
    )
    return Point(
        datetime.fromisoformat(bucket["bucket"]).replace(tzinfo=UTC), bucket[column], title
    )


def _quartiles(prices: Sequence[float]) -> Row:
    """The figures that the page shows about sorted prices."""
    names = ("p25", "median", "p75")
    found: Row = {f"{name}_price": quantile_of(name, prices) for name in names}
    ends = {"min_price": prices[0], "max_price": prices[-1]}
    return {"listing_count": len(prices)} | ends | found


def _begun_large(condition: str) -> str:
    """A folded condition, as it is shown at the start of a cell."""
    return condition[:1].upper() + condition[1:]


def _shown(bins: Sequence[Bin], number: int) -> Row:
    """A row of the table of the bins."""
    return {"words": words_of(bins, number, money), "bin": bins[number]}


def _sentence(buckets: Sequence[Row]) -> str:
    if not buckets:
        return ""
    first, last = buckets[0], buckets[-1]
    cheapest = min(buckets, key=lambda bucket: bucket["min_price"])
    return (
        f"The median went from {money(first['median_price'])} on {first['bucket']} to "
        f"{money(last['median_price'])} on {last['bucket']}; the lowest price of all was "
        f"{money(cheapest['min_price'])} on {cheapest['bucket']}. Half of the offers of "
        f"{last['bucket']} cost from {money(last['p25_price'])} to {money(last['p75_price'])}."
    )
