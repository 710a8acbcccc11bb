"""`/docs` and the pages below it: the reference of the API, made from its OpenAPI document."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any
from urllib.parse import quote

from bottle import HTTPResponse

from glyphd.api.description_routes import Description
from glyphd.api.needs import READ
from glyphd.api.routes import Route
from glyphd.contracts.parameter_reading import read_parameters
from glyphd.contracts.queries import ListingQuery
from glyphd.listings.search import Search
from glyphd.services import Services
from glyphd.web.reference import ApiReference, Operation
from glyphd.web.screens.service_state import ServicePageQuery
from glyphd.web.theme import Theme, here

_EXAMPLE = ListingQuery.model_validate(
    {"limit": "1", "fields": ["listing_id", "model", "import_id"]}
)
TRIED_ROWS = 5
"""How many rows a link asks for that tries a list of everything."""


@dataclass(frozen=True)
class Part:
    """A page of the reference, with the routes of some groups: with all of them it would be too
    large."""

    path: str
    title: str
    about: str
    groups: tuple[str, ...]


PARTS = (
    Part("/docs", "API", "imports", ("Imports",)),
    Part(
        "/docs/market",
        "API: the market",
        "offers, models, the market, and what has changed",
        ("Listings", "Models", "Market", "Changes"),
    ),
    Part(
        "/docs/service",
        "API: events and the service",
        "events, webhooks, watches and the service",
        ("Events", "Webhooks", "Watches", "Service"),
    ),
)


class ApiReferenceScreen:
    def __init__(self, services: Services, theme: Theme, description: Description) -> None:
        self._archive = services.archive
        self._theme = theme
        self._description = description

    def routes(self) -> list[Route]:
        return [
            *(Route("GET", part.path, partial(self.show, shown=part), READ) for part in PARTS),
            Route("GET", "/docs/contents", self.show_contents, READ),
        ]

    @cached_property
    def _reference(self) -> ApiReference:
        return ApiReference(self._description.document)

    def show(self, *, shown: Part) -> HTTPResponse:
        """The routes of one part, and on the first page what all of them have in common."""
        read_parameters(ServicePageQuery, here().pairs)
        known = self._known_ids()
        reference = self._reference
        operations = [(one, example_path(one, known)) for one in reference.operations]
        values = {
            "reference": reference,
            "groups": [one for one in reference.groups if one[0] in shown.groups],
            "operations": operations,
            "shown": shown,
            "pages": PARTS,
        }
        return self._theme.page("api_reference.html", values)

    def show_contents(self) -> HTTPResponse:
        read_parameters(ServicePageQuery, here().pairs)
        return self._theme.page("api_contents.html", {"reference": self._reference})

    def _known_ids(self) -> dict[str, str]:
        """An existing listing for trying the routes: the one that was seen last."""
        with self._archive.connection_context():
            rows = Search(self._archive, _EXAMPLE).page(1).objects()
        return {name: str(value) for row in rows for name, value in row.items()}


def example_path(operation: Operation, known: Mapping[str, str]) -> str:
    """A path that can be requested as it is; empty for a route that changes something, needs a
    parameter, or needs a name while the archive is empty."""
    if operation.method != "GET":
        return ""
    path, ids = operation.path, {**known, "a": known.get("import_id"), "b": known.get("import_id")}
    for parameter in operation.parameters:
        if parameter.place == "query" and parameter.is_required:
            return ""
        if parameter.place == "path":
            value: Any = ids.get(parameter.name)
            if value is None:
                return ""
            path = path.replace(f"{{{parameter.name}}}", quote(value, safe=""))
    has_limit = any(parameter.name == "limit" for parameter in operation.parameters)
    is_of_all = path == operation.path
    return f"{path}?limit={TRIED_ROWS}" if has_limit and is_of_all else path
