"""Requests that the server refuses before they reach the application, and how the refusal is
shown."""

from collections.abc import Callable
from dataclasses import dataclass

from bottle import HTTPResponse

from glyphd.api.problems import Problem


@dataclass(frozen=True)
class Refused:
    """A refused request, and what it accepts as an answer."""

    path: str
    accept: str
    request_id: str


Present = Callable[[Problem, Refused], HTTPResponse]
"""Turns a problem into an answer."""


def as_it_is(problem: Problem, _refused: Refused, /) -> HTTPResponse:
    return problem
