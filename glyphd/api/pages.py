"""What the application needs from the pages for people: the API does not know how they are made."""

from typing import Protocol

from bottle import HTTPResponse

from glyphd.api.problems import Problem
from glyphd.api.routes import Route


class Pages(Protocol):
    """Pages beside the API, in the same application."""

    def routes(self) -> list[Route]:
        """Their route table."""

    def present(self, problem: Problem) -> HTTPResponse:
        """The problem in the form that the client wants."""


class NoPages:
    """The API alone."""

    def routes(self) -> list[Route]:
        return []

    def present(self, problem: Problem) -> HTTPResponse:
        return problem
