"""Requests that were never made before: pages of one model from a score on, with a score that no
other request has."""

from collections.abc import Iterator
from itertools import count
from urllib.parse import urlencode

from bench.data import MODELS

LIMIT = 100
_LOWEST, _RANGE = 0.3, 0.4
_STEP = 0.6180339887498949
"""The golden ratio's: multiples of it, without their whole parts, are spread evenly and do not
repeat."""


def unseen_questions() -> Iterator[tuple[str, str]]:
    """A model and a lowest score, always others."""
    for number in count(1):
        score = _LOWEST + _RANGE * (number * _STEP % 1)
        yield MODELS[number % len(MODELS)], f"{score:.9f}"


def listing_path(model: str, min_score: str) -> str:
    """The page of glyphd."""
    asked = {"model": model, "min_score": min_score, "limit": LIMIT}
    return f"/api/listings?{urlencode(asked)}"
