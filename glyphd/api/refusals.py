"""What the server refuses by itself, before the application is asked, and how that is shown."""

from collections.abc import Callable
from dataclasses import dataclass

from bottle import HTTPResponse

from glyphd.api.problems import Problem


@dataclass(frozen=True)
class RefusedRequest:
    """A request that was refused: what it asked for, and what it accepts as an answer."""

    path: str
    accept: str
    request_id: str


Present = Callable[[Problem, RefusedRequest], HTTPResponse]
"""Makes the answer out of the problem."""


def as_it_is(problem: Problem, _refused: RefusedRequest, /) -> HTTPResponse:
    return problem
