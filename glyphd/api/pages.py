"""The application's interface to the pages for people: the API does not know their
implementation."""

from typing import Protocol

from bottle import HTTPResponse

from glyphd.api.description_routes import Description
from glyphd.api.problems import Problem
from glyphd.api.routes import Route


class Pages(Protocol):
    """Pages beside the API, in the same application."""

    def routes(self, description: Description) -> list[Route]:
        """Their route table; one of them shows the description of the API."""

    def present(self, problem: Problem) -> HTTPResponse:
        """The problem in the format for the client."""


class NoPages:
    """The API alone."""

    def routes(self, _description: Description) -> list[Route]:
        return []

    def present(self, problem: Problem) -> HTTPResponse:
        return problem
