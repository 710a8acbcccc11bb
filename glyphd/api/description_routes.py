"""`/openapi.json`: the API's description of itself."""

import json
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from bottle import HTTPResponse

from glyphd.api.answers import answer_bytes, make_etag, require_new_tag
from glyphd.api.descriptions import JSON, About, json_answer
from glyphd.api.needs import READ_BY_ALL
from glyphd.api.openapi import document
from glyphd.api.query_strings import query
from glyphd.api.routes import Route
from glyphd.contracts.queries import NoParameters

PATH = "/openapi.json"
DOCUMENT = About(
    "get_openapi",
    "Service",
    "This document",
    (json_answer({"type": "object"}, "An OpenAPI 3.1 document", "ETag"),),
    "It is made from the same tables as the answers.",
)


class Description:
    """The document of a route table, which includes the document's own route."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = [*routes, Route("GET", PATH, self.show, READ_BY_ALL, about=DOCUMENT)]

    def routes(self) -> list[Route]:
        """The table, with this route at its end."""
        return self._routes

    @cached_property
    def document(self) -> dict[str, Any]:
        return document(self._routes)

    @cached_property
    def text(self) -> bytes:
        return json.dumps(self.document, ensure_ascii=False, separators=(",", ":")).encode()

    def show(self) -> HTTPResponse:
        query(NoParameters)
        headers = require_new_tag(make_etag(self.text.decode()))
        return answer_bytes(self.text, JSON, **headers)
