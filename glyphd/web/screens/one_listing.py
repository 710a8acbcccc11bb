"""`/listings/{listing_id}`: one offer, its price and score over time, and the row that each number
comes from."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from bottle import HTTPResponse
from markupsafe import Markup
from pydantic import Field

from glyphd.api.listing_routes import listing_key
from glyphd.api.needs import READ
from glyphd.api.routes import Route
from glyphd.api.source_routes import require_event
from glyphd.contracts.cells import TextCell
from glyphd.contracts.parameter_reading import read_parameters
from glyphd.contracts.queries import Query, QueryTime
from glyphd.db.registry_models import Job
from glyphd.errors import GlyphdError, ListingNotFound
from glyphd.history.observations import OBSERVATION_COLUMNS, observations
from glyphd.importing.source_records import find_source, read_source
from glyphd.listings.peers import Peers, price_vs_median_pct
from glyphd.listings.quantiles import quantile_of
from glyphd.listings.search import find_current, is_known, known_at
from glyphd.services import Services
from glyphd.storage.knowledge import Knowledge
from glyphd.storage.result_rows import RESULT_COLUMNS, as_object
from glyphd.times import read_stored
from glyphd.web.addresses import Address
from glyphd.web.charts import Line, Picture, Point, chart, thinned
from glyphd.web.theme import Theme, here
from glyphd.web.wording import day_and_time, money, number

MOST_SHOWN = 50
"""Events in the table; the data links return all of them."""
MOST_SOURCE_BYTES = 4000
"""The most characters shown of a source row."""
_ABOUT = frozenset(
    {
        "listing_id",
        "import_id",
        "import_index",
        "line",
        "schema_version",
        "rolled_back_at",
        "imported_at",
        "gone_at",
    }
)
"""Columns about the origin of a row rather than the offer."""

Row = dict[str, Any]


class ListingPageQuery(Query):
    """The parameters of the page of a listing."""

    as_of: QueryTime | None = Field(
        None, description="The listing as the archive knew it at this moment"
    )
    import_id: Annotated[str | None, TextCell(max_length=64)] = Field(
        None,
        description="The import whose row is shown as it was sent; without one the current row's",
    )


@dataclass(frozen=True)
class Source:
    """The verified row of the kept file from which an event came, or why it can't be shown."""

    import_id: str
    job: Job | None = None
    place: Sequence[Any] = ()
    row: str | None = None
    is_cut: bool = False
    failure: GlyphdError | None = None


@dataclass(frozen=True)
class OfferStanding:
    """How the price of an offer compares with the other current offers of the same model and
    condition. `from_median` is its distance to their median in percent, None if there is none.
    """

    others: int
    dearer: int
    lowest: float
    median: float
    from_median: float | None

    @property
    def dearer_pct(self) -> int:
        """The percentage of the others that cost more, rounded down, so that 100 means all of
        them."""
        return 100 * self.dearer // self.others


class OneListingScreen:
    def __init__(self, services: Services, theme: Theme) -> None:
        self._services = services
        self._theme = theme

    def routes(self) -> list[Route]:
        return [Route("GET", "/listings/<listing_id>", self.show, READ)]

    def show(self, listing_id: str) -> HTTPResponse:
        asked, key = read_parameters(ListingPageQuery, here().pairs), listing_key(listing_id)
        archive = self._services.archive
        with archive.connection_context():
            known = known_at(archive, asked.as_of)
            events = [
                dict(zip(OBSERVATION_COLUMNS, row, strict=True))
                for row in observations(archive, key, asked.as_of)
            ]
            if not events:
                raise _not_found(listing_id, is_known(archive, key))
            current = find_current(archive, key, known)
            shown = None if current is None else as_object(RESULT_COLUMNS, current)
            is_offered = shown is not None and shown["gone_at"] is None
            standing = self._standing(shown, known) if shown and is_offered else None
        values = {
            "asked": asked,
            "listing_id": listing_id.lower(),
            "row": shown or events[-1],
            "is_current": is_offered,
            "standing": standing,
            "days_listed": _days_listed(shown or events[-1]),
            "details": _details(shown or events[-1]),
            "events": events[: -MOST_SHOWN - 1 : -1],
            "event_count": len(events),
            "is_indistinct": any(event["indistinct"] for event in events),
            "charts": _charts(events, here()),
            "source": self._source(
                listing_id, asked.import_id or (shown or events[-1])["import_id"]
            ),
        }
        return self._theme.page("one_listing.html", values)

    def _standing(self, row: Row, known: Knowledge) -> OfferStanding | None:
        """Its standing among the current offers of its model and condition; None if it is the only
        one."""
        peers = Peers(self._services.archive, known, self._services.remembered.kept)
        prices, price = peers.prices(row["model"], row["condition"]), row["price_usd"]
        if len(prices) < 2:
            return None
        median = quantile_of("median", prices)
        return OfferStanding(
            others=len(prices) - 1,
            dearer=len(prices) - bisect_right(prices, price),
            lowest=prices[0],
            median=median,
            from_median=price_vs_median_pct(price, median),
        )

    def _source(self, listing_id: str, import_id: str) -> Source:
        """The row, read from the kept file and compared with the archive for this answer."""
        services, job = self._services, None
        event = require_event(services.archive, listing_id, import_id)
        try:
            job = find_source(services.registry, event)
            row = read_source(services.uploads, job, event, settings=services.settings)
        except GlyphdError as failure:
            return Source(import_id, job, event.place, failure=failure)
        text = row[:MOST_SOURCE_BYTES].decode(job.encoding or "utf-8", "replace").rstrip("\r\n")
        return Source(import_id, job, event.place, text, is_cut=len(row) > MOST_SOURCE_BYTES)


def _not_found(listing_id: str, is_known_later: bool) -> ListingNotFound:
    when = " at that moment" if is_known_later else ""
    return ListingNotFound(f"there is no listing {listing_id[:64]}{when}", listing_id=listing_id)


def _days_listed(row: Row) -> int:
    return (read_stored(row["seen_at"]) - read_stored(row["first_seen_at"])).days


def _details(row: Row) -> list[tuple[str, Any]]:
    """What is known about the offer, column by column."""
    return [
        (name, row[name]) for name in RESULT_COLUMNS if name not in _ABOUT and row[name] is not None
    ]


def _charts(events: Sequence[Row], at: Address) -> list[tuple[str, str, Markup]]:
    """Price and score, each with its name and a sentence; none for a single observation."""
    if len(events) < 2:
        return []
    return [
        (
            "Price",
            _sentence(events, "price_usd", "Price", money),
            _chart(events, "price_usd", "Price", at),
        ),
        (
            "Score",
            _sentence(events, "score", "Score", number),
            _chart(events, "score", "Score", at),
        ),
    ]


def _chart(events: Sequence[Row], column: str, name: str, at: Address) -> Markup:
    write = money if column == "price_usd" else number
    kind = "price" if column == "price_usd" else "score"
    points = [_point(event, column, write(event[column]), at) for event in events]
    counting = [
        point
        for point, event in zip(points, events, strict=True)
        if event["rolled_back_at"] is None
    ]
    out = [
        point
        for point, event in zip(points, events, strict=True)
        if event["rolled_back_at"] is not None
    ]
    lines = [Line(kind, thinned(counting))] if counting else []
    lines += [Line("rolled-back", thinned(out))] if out else []
    return chart(
        f"{name} at each observation, with a mark for the import that brought it",
        Picture(lines),
        write=write,
    )


def _point(event: Row, column: str, written: str, at: Address) -> Point:
    is_out = event["rolled_back_at"] is not None
    title = f"{day_and_time(event['seen_at'])}: {written}, import {event['import_id'][:8]}"
    title += ", rolled back" if is_out else ""
    link = f"{at.here(import_id=event['import_id'])}#source"
    return Point(read_stored(event["seen_at"]), event[column], title, link, "out" if is_out else "")


def _sentence(events: Sequence[Row], column: str, name: str, write: Any) -> str:
    counting = [event for event in events if event["rolled_back_at"] is None] or list(events)
    values = [event[column] for event in counting]
    first, last = counting[0], counting[-1]
    when = f"{day_and_time(first['seen_at'])} to {day_and_time(last['seen_at'])}"
    if min(values) == max(values):
        return f"{name} from {when} UTC: {write(values[0])} at all {len(values)} observations."
    return (
        f"{name} from {when} UTC: {write(values[0])} at first, {write(values[-1])} last, "
        f"between {write(min(values))} and {write(max(values))}."
    )
