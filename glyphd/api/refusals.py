"""Requests that the server refuses before they reach the application, and how the refusal is
shown."""

from collections.abc import Callable
from dataclasses import dataclass

from bottle import HTTPResponse

from glyphd.api.problems import Problem


@dataclass(frozen=True)
class RefusedRequest:
    """A refused request: its target, the media types that it accepts, and the prefix that its peer
    reports."""

    path: str
    accept: str
    request_id: str
    peer: str
    forwarded_prefix: str


Present = Callable[[Problem, RefusedRequest], HTTPResponse]
"""Turns a problem into an answer."""


def as_it_is(problem: Problem, _refused: RefusedRequest, /) -> HTTPResponse:
    return problem
