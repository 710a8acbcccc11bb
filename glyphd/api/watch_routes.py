"""`/api/watches`: saved searches that report new or changed offers, and their matches."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from bottle import HTTPResponse

from glyphd.api.answers import answer_json, answer_page, require_changed, require_changed_list
from glyphd.api.descriptions import (
    DATABASE_PROBLEMS,
    JSON,
    TEXT,
    About,
    Answer,
    Content,
    RequestBody,
    json_answer,
    page_answer,
)
from glyphd.api.json_bodies import read_small_json_body
from glyphd.api.members import read_members
from glyphd.api.needs import OPEN, READ, WRITE
from glyphd.api.own_addresses import own_address
from glyphd.api.query_strings import query
from glyphd.api.routes import Route
from glyphd.api.visitors import visitor
from glyphd.api.watch_feeds import ATOM, answer_feed
from glyphd.contracts.queries import NoParameters, OutputQuery
from glyphd.contracts.watch_contracts import (
    MATCH_COLUMNS,
    MatchQuery,
    WatchBody,
    WatchChange,
    WatchCondition,
    WatchLinks,
    WatchMatchView,
    WatchView,
)
from glyphd.db.watch_models import Watch
from glyphd.event_errors import InvalidWatch, TooManyWatches, WatchNotFound
from glyphd.events.watch_matches import matches_of
from glyphd.events.watch_records import WatchRecords
from glyphd.listings.cursors import read_cursor
from glyphd.listings.results import Page, cut_page
from glyphd.services import Services

DEFAULT_LIMIT = 100
WATCH = "<watch_id:re:[^/]{1,64}>"
SECRET = "<secret:re:[^/]{1,64}>"

LIST = About(
    "list_watches",
    "Watches",
    "All watches, oldest first",
    (page_answer(WatchView, "The watches"),),
    "Each has the address of its feed.",
    query=OutputQuery,
    problems=DATABASE_PROBLEMS,
)
CREATE = About(
    "create_watch",
    "Watches",
    "Watch for offers",
    (json_answer(WatchView, "The watch", "Location", status=201),),
    "It is compared with each import that is committed from now on, and with each rollback and "
    "restore.",
    body=RequestBody((Content(JSON, WatchBody),)),
    problems=(*DATABASE_PROBLEMS, InvalidWatch, TooManyWatches),
)
SHOW = About(
    "get_watch",
    "Watches",
    "One watch",
    (json_answer(WatchView, "The watch", "ETag"),),
    "When it last found something, and where its feed is.",
    problems=(*DATABASE_PROBLEMS, WatchNotFound),
)
CHANGE = About(
    "change_watch",
    "Watches",
    "Change a watch",
    (json_answer(WatchView, "The watch after the change"),),
    "A member that is left out keeps its value. Earlier matches are kept.",
    body=RequestBody((Content(JSON, WatchChange),)),
    problems=(*DATABASE_PROBLEMS, WatchNotFound, InvalidWatch),
)
DELETE = About(
    "delete_watch",
    "Watches",
    "Remove a watch and its matches",
    (Answer(204, "It is removed", ()),),
    "Its events are kept.",
    problems=(*DATABASE_PROBLEMS, WatchNotFound),
)
MATCHES = About(
    "list_watch_matches",
    "Watches",
    "The offers that a watch found, the latest first",
    (page_answer(WatchMatchView, "The matches", "Link"),),
    "The matches of one change are ordered by price, the cheapest first. Matches are kept for 90 "
    "days, like events.",
    query=MatchQuery,
    problems=(*DATABASE_PROBLEMS, WatchNotFound),
)
RENEW = About(
    "renew_watch_feed",
    "Watches",
    "Replace the address of a watch's feed",
    (json_answer(WatchView, "The watch with the new address"),),
    "The old address answers 404 from now on.",
    problems=(*DATABASE_PROBLEMS, WatchNotFound),
)
FEED = About(
    "get_watch_feed",
    "Watches",
    "The latest matches of a watch as an Atom feed",
    (Answer(200, "The feed", (Content(ATOM, TEXT),), ("ETag",)),),
    "It needs no token: anyone who knows the address can read it.",
    problems=(*DATABASE_PROBLEMS, WatchNotFound),
)


class WatchesApi:
    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> list[Route]:
        one = f"/api/watches/{WATCH}"
        return [
            Route("GET", "/api/watches", self.list, READ, about=LIST),
            Route("POST", "/api/watches", self.create, WRITE, about=CREATE),
            Route("GET", one, self.show, READ, about=SHOW),
            Route("PATCH", one, self.change, WRITE, about=CHANGE),
            Route("DELETE", one, self.delete, WRITE, about=DELETE),
            Route("GET", f"{one}/matches", self.matches, READ, about=MATCHES),
            Route("POST", f"{one}/feed", self.renew_feed, WRITE, about=RENEW),
            Route("GET", f"{one}/feed/{SECRET}", self.feed, OPEN, about=FEED),
        ]

    def list(self) -> HTTPResponse:
        """All watches, oldest first."""
        asked = query(OutputQuery)
        with self._records() as records:
            watches = records.all()
            found = records.last_matches(*(watch.id for watch in watches))
        views = [
            view_watch(watch, found.get(watch.id)).model_dump(mode="json") for watch in watches
        ]
        page = Page(tuple(WatchView.model_fields), [tuple(view.values()) for view in views], None)
        return answer_page(asked, page, require_changed_list(asked, views))

    def create(self) -> HTTPResponse:
        """A new watch."""
        query(NoParameters)
        body = read_members(WatchBody, read_small_json_body(), InvalidWatch)
        with self._records() as records:
            watch = records.create(body, visitor().name)
        location = own_address(f"/api/watches/{watch.id}")
        return answer_json(view_watch(watch, None), 201, Location=location)

    def show(self, watch_id: str) -> HTTPResponse:
        """One watch."""
        query(NoParameters)
        with self._records() as records:
            view = _view(records, records.find(watch_id))
        return answer_json(view, **require_changed(view.model_dump(mode="json")))

    def change(self, watch_id: str) -> HTTPResponse:
        """The watch as it is after the change."""
        query(NoParameters)
        asked = read_members(WatchChange, read_small_json_body(), InvalidWatch)
        with self._records() as records:
            return answer_json(_view(records, records.change(watch_id, asked)))

    def delete(self, watch_id: str) -> HTTPResponse:
        """Removes the watch and its matches."""
        query(NoParameters)
        with self._records() as records:
            records.delete(watch_id)
        return HTTPResponse("", 204)

    def matches(self, watch_id: str) -> HTTPResponse:
        """What it found, the latest first."""
        asked = query(MatchQuery)
        with self._records() as records:
            records.find(watch_id)
            page = matches_page(self._services, watch_id, asked)
        return answer_page(asked, page, require_changed_list(asked, page.rows))

    def renew_feed(self, watch_id: str) -> HTTPResponse:
        """Gives the watch's feed another address."""
        query(NoParameters)
        with self._records() as records:
            return answer_json(_view(records, records.renew_secret(watch_id)))

    def feed(self, watch_id: str, secret: str) -> HTTPResponse:
        """The latest matches, for a feed reader."""
        query(NoParameters)
        with self._records() as records:
            watch = records.find_for_feed(watch_id, secret)
            page = matches_page(self._services, watch.id, MatchQuery.model_validate({}))
        return answer_feed(watch, feed_path(watch), page.objects())

    @contextmanager
    def _records(self) -> Iterator[WatchRecords]:
        registry = self._services.registry
        with registry.connected():
            yield WatchRecords(registry.database)


def matches_page(services: Services, watch_id: str, asked: MatchQuery) -> Page:
    """A page of a watch's matches. The caller holds the connection to the registry."""
    identity = ["matches", watch_id, asked.after]
    limit = asked.limit or DEFAULT_LIMIT
    before = None
    if asked.cursor is not None:
        event_id, match_id = read_cursor(identity, asked.cursor, (int, int))
        before = (event_id, match_id)
    found = matches_of(
        services.registry.database,
        watch_id,
        after=asked.after or 0,
        before=before,
        limit=limit + 1,
    )
    return cut_page(MATCH_COLUMNS, found, limit, identity)


def view_watch(watch: Watch, last_matched_at: str | None) -> WatchView:
    """The watch as clients see it."""
    own = own_address(f"/api/watches/{watch.id}")
    return WatchView(
        watch_id=watch.id,
        name=watch.name,
        filters=json.loads(watch.filters),
        condition=WatchCondition(watch.condition),
        value=watch.value,
        created_at=watch.created_at,
        created_by=watch.created_by,
        last_matched_at=last_matched_at,
        links=WatchLinks(self=own, matches=f"{own}/matches", feed=own_address(feed_path(watch))),
    )


def feed_path(watch: Watch) -> str:
    """The secret path of the watch's feed."""
    return f"/api/watches/{watch.id}/feed/{quote(watch.feed_secret, safe='')}"


def _view(records: WatchRecords, watch: Watch) -> WatchView:
    return view_watch(watch, records.last_matches(watch.id).get(watch.id))
