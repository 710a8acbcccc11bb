"""The route table of the pages, and problems as pages."""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from urllib.parse import quote

from bottle import HTTPError, HTTPResponse, request

from glyphd.api.description_routes import Description
from glyphd.api.guard import Guard
from glyphd.api.problems import Problem
from glyphd.api.query_strings import query_pairs
from glyphd.api.routes import Route
from glyphd.api.waiting import Waiting
from glyphd.services import Services
from glyphd.web.assets import Assets
from glyphd.web.problem_pages import problem_here
from glyphd.web.screens.api_reference import ApiReferenceScreen
from glyphd.web.screens.comparison import ComparisonScreen
from glyphd.web.screens.import_change import ImportChangeScreen
from glyphd.web.screens.import_list import ImportListScreen
from glyphd.web.screens.listing_search import ListingSearchScreen
from glyphd.web.screens.market import MarketScreen
from glyphd.web.screens.one_import import OneImportScreen
from glyphd.web.screens.one_listing import OneListingScreen
from glyphd.web.screens.one_model import OneModelScreen
from glyphd.web.screens.price_moves import PriceMovesScreen
from glyphd.web.screens.service_state import ServiceStateScreen
from glyphd.web.screens.sign_in import SignInScreen
from glyphd.web.screens.upload import UploadScreen
from glyphd.web.screens.watch_list import WatchListScreen
from glyphd.web.theme import Theme, moved_to, wants_page

SCREENS = (
    MarketScreen,
    ListingSearchScreen,
    OneListingScreen,
    OneModelScreen,
    PriceMovesScreen,
    ComparisonScreen,
    ImportListScreen,
    WatchListScreen,
    ServiceStateScreen,
)

ACTING_SCREENS = (UploadScreen, OneImportScreen, ImportChangeScreen)
"""Screens that change something, and can wait a moment for it."""


class Site:
    """All pages over these services."""

    def __init__(self, services: Services, waiting: Waiting, guard: Guard) -> None:
        self._services = services
        self._assets = Assets()
        self._theme = Theme(self._assets)
        reading = [screen(services, self._theme) for screen in SCREENS]
        acting = [screen(services, self._theme, waiting) for screen in ACTING_SCREENS]
        screens = (*reading, *acting, SignInScreen(guard, self._theme))
        self._routes = [route for screen in screens for route in screen.routes()]

    def routes(self, description: Description) -> list[Route]:
        reference = ApiReferenceScreen(self._services, self._theme, description)
        routes = [*self._routes, *reference.routes()]
        self._theme.needs = {route.path: route.scope for route in routes if route.method == "GET"}
        pages = [replace(route, handle=for_people(route.handle)) for route in routes]
        return [*pages, *self._assets.routes()]

    def present(self, problem: Problem) -> HTTPResponse:
        """The page of a problem, for a browser; the API answers its own paths itself."""
        if request.path.startswith("/api/") or not wants_page():
            return problem
        return problem_here(self._theme, problem)


def for_people(handle: Callable[..., HTTPResponse]) -> Callable[..., HTTPResponse]:
    """A page for requests that accept HTML. For programs its path does not exist, because they use
    `/api`."""

    @wraps(handle)
    def answer(**parts: str) -> HTTPResponse:
        if not wants_page():
            raise HTTPError(404)
        _leave_out_blanks()
        return handle(**parts)

    return answer


def _leave_out_blanks() -> None:
    """A form also sends its empty fields: the address to save and to share is the one without
    them."""
    given = query_pairs()
    filled = [(name, value) for name, value in given if value.strip()]
    if len(filled) < len(given) and request.method in ("GET", "HEAD"):
        raise moved_to(quote(request.path), filled)
