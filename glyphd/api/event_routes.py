"""`/api/events`: the event feed, in order, from any event on."""

from collections.abc import Sequence
from dataclasses import replace

from bottle import HTTPResponse

from glyphd.api.answers import answer_page, next_link, output_format, require_changed_list
from glyphd.api.descriptions import DATABASE_PROBLEMS, About, page_answer
from glyphd.api.needs import READ
from glyphd.api.query_strings import query
from glyphd.api.routes import Route
from glyphd.api.waiting import Waiting
from glyphd.contracts.event_contracts import EventQuery, EventView
from glyphd.event_errors import EventsPruned
from glyphd.events.feed import EVENT_COLUMNS, Event, events_after
from glyphd.listings.results import Page, cut_page
from glyphd.services import Services

DEFAULT_LIMIT = 100

LIST = About(
    "list_events",
    "Events",
    "What happened to imports, oldest first",
    (page_answer(EventView, "The events", "Link"),),
    "Remember the `id` of the last event, and send it as `after` to get later ones.",
    query=EventQuery,
    problems=(*DATABASE_PROBLEMS, EventsPruned),
)


class EventsApi:
    def __init__(self, services: Services, waiting: Waiting) -> None:
        self._registry = services.registry
        self._waiting = waiting

    def routes(self) -> list[Route]:
        return [Route("GET", "/api/events", self.list, READ, about=LIST)]

    def list(self) -> HTTPResponse:
        """The events after one, oldest first; waits until there is one, if that is requested."""
        asked = query(EventQuery)
        output_format(asked)  # an unknown format is refused before it waits
        limit = asked.limit or DEFAULT_LIMIT
        events = self._waiting.until_found(lambda: self._read(asked, limit + 1), asked.wait or 0)
        page = cut_page(EVENT_COLUMNS, (([event[0]], event) for event in events), limit, None)
        headers = require_changed_list(asked, page.rows) | _next(page)
        return answer_page(asked, replace(page, next_cursor=None), headers)

    def _read(self, asked: EventQuery, most: int) -> Sequence[Event]:
        with self._registry.connected():
            return events_after(self._registry.database, asked.after or 0, asked.kind, limit=most)


def _next(page: Page) -> dict[str, str]:
    """The link to the next page, while there is more: the same request after the page's last event,
    where any reader resumes."""
    return next_link(str(page.rows[-1][0]), "after") if page.next_cursor else {}
