"""Finds the path that was probably meant, for a request without a route."""

import re
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher, get_close_matches

from glyphd.api.routes import Route

LIKENESS = 0.75
SEGMENT_LIKENESS = 0.6
"""How similar two paths, and their segments, must be, where 1 means equal: below that, another path
may be meant.

Compared as a whole, `/api/imports/{import_id}/cancel` would be similar to
`/api/imports/{import_id}/file`.
"""

MAX_COMPARED = 200
"""How many characters of a path are compared, because the comparison takes quadratic time."""

_PARAMETER = re.compile(r"<(\w+)[^>]*>")


def nearest_path(routes: Iterable[Route], method: str, path: str) -> str | None:
    """The most similar path that supports the method, or None.

    If a route has a parameter, the request's segment in its place is used.
    """
    wanted = "GET" if method == "HEAD" else method
    path = path[:MAX_COMPARED]
    known = {_filled(route.path, path) for route in routes if route.method == wanted} - {path}
    alike = [other for other in sorted(known) if _has_like_segments(path, other)]
    return next(iter(get_close_matches(path, alike, n=1, cutoff=LIKENESS)), None)


def _has_like_segments(path: str, other: str) -> bool:
    """Also true if one has more segments than the other, because they can't be compared
    individually then."""
    segments, others = path.split("/"), other.split("/")
    if len(segments) != len(others):
        return True
    pairs = zip(segments, others, strict=True)
    return all(SequenceMatcher(None, *pair).ratio() >= SEGMENT_LIKENESS for pair in pairs)


def _filled(template: str, path: str) -> str:
    names, given = _PARAMETER.sub(r"{\1}", template).split("/"), path.split("/")
    return "/".join(_taken_over(names, given if len(given) == len(names) else names))


def _taken_over(names: list[str], given: list[str]) -> Iterator[str]:
    for name, segment in zip(names, given, strict=True):
        yield segment if name.startswith("{") and segment else name
