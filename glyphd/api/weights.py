"""Estimates from its head how much work a request takes, before the server gives it a thread."""

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from urllib.parse import parse_qsl

from glyphd.api.body_limits import is_json

LARGE_JSON_BYTES = 1024 * 1024
"""A larger JSON body takes much time to read and check, and much memory."""

_PROBES = ("/api/health",)
_WHOLE_WITHOUT_LIMIT = re.compile(
    r"/api/(listings|deltas|forecast/deltas|imports/[^/]+/errors|models|models/.+/history|stats|stats/history|index)"
)
_WHOLE_PAGES = re.compile(
    r"/models/.+|/listings/[^/]+|/changes|/compare|/imports/[^/]+/(rollback|restore)"
)
"""Pages that read whole histories, or all listings of an import."""
_COSTLY_PARAMETERS = {"/": "as_of", "/listings": "count"}
"""Pages that are light without this parameter, because the current market is cached."""
_ALWAYS_HEAVY = re.compile(
    r"/api/(imports/[^/]+/report\.csv|imports/[^/]+/diff/[^/]+|listings/[^/]+/(source|history))"
)


class Weight(Enum):
    """The kinds of requests with separate threads."""

    PROBE = "answered from memory, regardless of other requests"
    QUICK = "a page or a status, usually answered within milliseconds"
    LIGHT = "an upload, another change, or waiting for one"
    HEAVY = "a whole result, a report, anything that reads without a limit"


@dataclass(frozen=True)
class RequestShape:
    """What the weight of a request depends on."""

    method: str
    path: str
    query: str
    body_bytes: int = 0
    content_type: str = ""


def is_large_json(content_type: str, size: int) -> bool:
    """Whether a body of this type and size is held in memory and large."""
    return is_json(content_type) and size > LARGE_JSON_BYTES


def weight_of(asked: RequestShape) -> Weight:
    if asked.method in ("GET", "HEAD"):
        return _weight_of_reading(asked)
    is_heavy = is_large_json(asked.content_type, asked.body_bytes)
    return Weight.HEAVY if is_heavy else Weight.LIGHT


@lru_cache(1024)
def _weight_of_reading(asked: RequestShape) -> Weight:
    if asked.path in _PROBES:
        return Weight.PROBE
    if _ALWAYS_HEAVY.fullmatch(asked.path) or _WHOLE_PAGES.fullmatch(asked.path):
        return Weight.HEAVY
    given = dict(parse_qsl(asked.query))
    if _COSTLY_PARAMETERS.get(asked.path) in given:
        return Weight.HEAVY
    if _WHOLE_WITHOUT_LIMIT.fullmatch(asked.path):
        is_page = "limit" in given and "count" not in given
        return Weight.QUICK if is_page else Weight.HEAVY
    return Weight.LIGHT if "wait" in given else Weight.QUICK
