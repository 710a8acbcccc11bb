"""`/watches` and `/watches/{watch_id}`: saved searches for new or changed offers, and their
matches."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated, Any

from bottle import HTTPResponse
from pydantic import Field

from glyphd.api.bodies import read_fields
from glyphd.api.members import read_members
from glyphd.api.needs import READ, WRITE
from glyphd.api.problems import status_of
from glyphd.api.routes import Route
from glyphd.api.visitors import shown_visitor, visitor
from glyphd.api.watch_routes import WATCH, feed_path, matches_page
from glyphd.contracts.cells import TextCell
from glyphd.contracts.numeric_cells import IntegerCell, NumberCell
from glyphd.contracts.parameter_reading import read_parameters
from glyphd.contracts.queries import MarketFilters, Query, QueryTime
from glyphd.contracts.watch_contracts import MatchQuery, WatchBody, WatchCondition, WatchFilters
from glyphd.db.watch_models import Watch
from glyphd.errors import Conflict, GlyphdError, Refused
from glyphd.event_errors import InvalidWatch
from glyphd.events.watch_records import WatchRecords
from glyphd.history.value_hints import asks_for_values, hint_for
from glyphd.request_errors import InvalidRequest
from glyphd.services import Services
from glyphd.web.theme import Theme, here, moved_to

PAGE_ROWS = 50
MOST_PAGE_ROWS = 100
SENTENCES = {
    WatchCondition.NEW: "is new",
    WatchCondition.GONE: "is gone",
    WatchCondition.BACK: "is back",
    WatchCondition.PRICE_BELOW: "costs less than a price",
    WatchCondition.DROP_PCT: "gets cheaper by a percentage",
    WatchCondition.LOWEST_EVER: "costs less than ever before",
}
"""What happens to an offer, for each condition."""


class WatchesPageQuery(MarketFilters):
    """The filters that the form begins with."""

    as_of: QueryTime | None = Field(None, description="Ignored: the page shows the present")


class WatchForm(MarketFilters):
    """What the form sends: the filters, the name, and what must happen."""

    name: Annotated[str | None, TextCell()] = None
    when: WatchCondition = WatchCondition.NEW
    value: Annotated[float | None, NumberCell()] = None


class WatchPageQuery(Query):
    """The page of a watch's matches."""

    limit: Annotated[int, IntegerCell(minimum=1, maximum=MOST_PAGE_ROWS)] = Field(PAGE_ROWS)
    cursor: str | None = None
    as_of: QueryTime | None = Field(None, description="Ignored: the page shows the present")


class WatchListScreen:
    def __init__(self, services: Services, theme: Theme) -> None:
        self._services = services
        self._theme = theme

    def routes(self) -> list[Route]:
        one = f"/watches/{WATCH}"
        return [
            Route("GET", "/watches", self.list, READ),
            Route("POST", "/watches", self.create, WRITE),
            Route("GET", one, self.show, READ),
            Route("POST", f"{one}/feed", self.renew_feed, WRITE),
            Route("POST", f"{one}/delete", self.delete, WRITE),
        ]

    def list(self) -> HTTPResponse:
        asked = read_parameters(WatchesPageQuery, here().pairs)
        return self._page(asked.model_dump(exclude={"as_of"}))

    def create(self) -> HTTPResponse:
        """Redirects to the page of the new watch, or shows the form again, as it was filled in, if
        something in it is not valid."""
        pairs = read_fields()
        try:
            watch = self._created(pairs)
        except (Conflict, InvalidRequest, Refused) as failure:
            return self._page(_as_given(pairs), failure)
        return moved_to(f"/watches/{watch.id}", [])

    def _page(self, given: dict[str, Any], failure: GlyphdError | None = None) -> HTTPResponse:
        """The list, and the form with what was `given`."""
        with self._records() as records:
            watches = records.all()
            found = records.last_matches(*(watch.id for watch in watches))
        status = HTTPStatus.OK if failure is None else status_of(failure)
        values = {
            "watches": [(watch, json.loads(watch.filters)) for watch in watches],
            "last_matches": found,
            "given": dict.fromkeys(WatchForm.model_fields) | given,
            "failure": failure,
            "sentences": SENTENCES,
            "may_watch": shown_visitor().may(WRITE),
        }
        return self._theme.page("watch_list.html", values, status=status)

    def _created(self, pairs: Sequence[tuple[str, str]]) -> Watch:
        sent = read_parameters(WatchForm, pairs)
        if sent.when.has_value and sent.value is None:
            raise InvalidWatch("this condition needs a price or a percentage beside it")
        filters = sent.model_dump(exclude={"name", "when", "value"}, exclude_defaults=True)
        content = {
            "name": sent.name or "",
            "filters": filters,
            "condition": sent.when,
            # The form has one field for the value, whether the condition needs it or not.
            "value": sent.value if sent.when.has_value else None,
        }
        body = read_members(WatchBody, content, InvalidWatch)
        with self._records() as records:
            return records.create(body, visitor().name)

    def show(self, watch_id: str) -> HTTPResponse:
        asked = read_parameters(WatchPageQuery, here().pairs)
        with self._records() as records:
            watch = records.find(watch_id)
            found = records.last_matches(watch.id)
            hint = None if found else self._hint(watch)
            headers = self._theme.require_changed(
                watch.name,
                watch.filters,
                watch.condition,
                watch.value,
                watch.feed_secret,
                found,
                hint,
            )

            def values(limit: int) -> dict[str, Any]:
                page = matches_page(
                    self._services, watch.id, MatchQuery(limit=limit, cursor=asked.cursor)
                )
                return {
                    "watch": watch,
                    "filters": json.loads(watch.filters),
                    "hint": hint,
                    "feed": feed_path(watch),
                    "sentences": SENTENCES,
                    "rows": page.objects(),
                    "next_cursor": page.next_cursor,
                    "asked": asked,
                    "may_watch": shown_visitor().may(WRITE),
                }

            return self._theme.fitted("one_watch.html", values, asked.limit, headers)

    def _hint(self, watch: Watch) -> str | None:
        """Which values of its filters no current offer has: they may be mistyped."""
        filters = WatchFilters.model_validate(json.loads(watch.filters))
        if not asks_for_values(filters):
            return None
        with self._services.archive.connection_context():
            return hint_for(filters, self._services.remembered.values)

    def renew_feed(self, watch_id: str) -> HTTPResponse:
        with self._records() as records:
            watch = records.renew_secret(watch_id)
        return moved_to(f"/watches/{watch.id}", [])

    def delete(self, watch_id: str) -> HTTPResponse:
        with self._records() as records:
            records.delete(watch_id)
        return moved_to("/watches", [])

    @contextmanager
    def _records(self) -> Iterator[WatchRecords]:
        registry = self._services.registry
        with registry.connected():
            yield WatchRecords(registry.database)


def _as_given(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """What the form was filled in with: a filter that may have several values has a list."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: values if len(values) > 1 else values[0] for name, values in found.items()}
