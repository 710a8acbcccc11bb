"""`/docs`: the reference of the API, made from its OpenAPI document."""

from collections.abc import Mapping
from functools import cached_property
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


class ApiReferenceScreen:
    def __init__(self, services: Services, theme: Theme, description: Description) -> None:
        self._archive = services.archive
        self._theme = theme
        self._description = description

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/docs", self.show, READ),
            Route("GET", "/docs/contents", self.show_contents, READ),
        ]

    @cached_property
    def _reference(self) -> ApiReference:
        return ApiReference(self._description.document)

    def show(self) -> HTTPResponse:
        read_parameters(ServicePageQuery, here().pairs)
        known = self._known_ids()
        reference = self._reference
        operations = [(one, example_path(one, known)) for one in reference.operations]
        values = {"reference": reference, "operations": operations}
        return self._theme.page("api_reference.html", values)

    def show_contents(self) -> HTTPResponse:
        read_parameters(ServicePageQuery, here().pairs)
        return self._theme.page("api_contents.html", {"reference": self._reference})

    def _known_ids(self) -> dict[str, str]:
        """Something that there is, to try the routes with: the listing that was seen last."""
        with self._archive.connection_context():
            rows = Search(self._archive, _EXAMPLE).page(1).objects()
        return {name: str(value) for row in rows for name, value in row.items()}


def example_path(operation: Operation, known: Mapping[str, str]) -> str:
    """A path that can be asked for as it is; nothing for a route that changes something, or needs a
    name where the archive is empty."""
    if operation.method != "GET":
        return ""
    path, ids = operation.path, {**known, "a": known.get("import_id"), "b": known.get("import_id")}
    for parameter in operation.parameters:
        if parameter.place == "path":
            value: Any = ids.get(parameter.name)
            if value is None:
                return ""
            path = path.replace(f"{{{parameter.name}}}", quote(value, safe=""))
    return path
