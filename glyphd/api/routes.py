"""A route is one table entry, from which Bottle's routes and the API description are made."""

from collections.abc import Callable
from dataclasses import dataclass

from bottle import HTTPResponse

from glyphd.api.descriptions import About
from glyphd.api.needs import ADMIN, Need

ID = "<import_id:re:[^/]{1,64}>"


@dataclass(frozen=True)
class Route:
    """One method on one path, and the scope that it needs, by default the highest.

    A page for people has no `about`: only the API is described.
    """

    method: str
    path: str
    handle: Callable[..., HTTPResponse]
    scope: Need = ADMIN
    about: About | None = None
