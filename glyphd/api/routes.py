"""A route is one table entry, from which Bottle's routes and the API description are made."""

from collections.abc import Callable
from dataclasses import dataclass

from bottle import HTTPResponse

from glyphd.api.descriptions import About

ID = "<import_id:re:[^/]{1,64}>"


@dataclass(frozen=True)
class Route:
    """One method on one path. A page for people has nothing about it: only the API is described."""

    method: str
    path: str
    handle: Callable[..., HTTPResponse]
    about: About | None = None
