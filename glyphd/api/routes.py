"""A route is one table entry, from which Bottle's routes and (later) the API description are
made."""

from collections.abc import Callable
from dataclasses import dataclass

from bottle import HTTPResponse

ID = "<import_id:re:[^/]{1,64}>"


@dataclass(frozen=True)
class Route:
    """One method on one path."""

    method: str
    path: str
    handle: Callable[..., HTTPResponse]
