"""Pages that no one has requested before: listings of one model, with a lowest score that no other
request has."""

from collections.abc import Callable, Iterator
from itertools import count, islice

from bench.cached import listing_path
from bench.data import MODELS
from bench.load import Load, run_load
from bench.load_client import Job
from bench.plan import Plan

LOAD_SECONDS = 8
MOST_PER_SECOND = 2500
_LOWEST, _RANGE = 0.3, 0.4
_STEP = 0.6180339887498949
"""The fractional part of the golden ratio. The fractional parts of its multiples are spread evenly
and do not repeat."""

PathOf = Callable[[str, str], str]
"""The path for a model and a lowest score."""


class Unseen:
    """A source of queries that never repeat."""

    def __init__(self) -> None:
        self._questions = _questions()

    def load(self, plan: Plan, port: int, path_of: PathOf = listing_path) -> Load:
        """Puts a load of new queries on a server; returns the result."""
        seconds = max(0.5, LOAD_SECONDS * plan.scale)
        warmup = seconds / 5
        asked = islice(self._questions, round(MOST_PER_SECOND * (seconds + warmup)))
        requests: list[tuple[str, dict[str, str]]] = [(path_of(*one), {}) for one in asked]
        load = run_load(Job(port, requests, warmup_seconds=warmup, seconds=seconds))
        assert len(load.latencies) < len(requests), "a request was repeated"
        return load


def _questions() -> Iterator[tuple[str, str]]:
    for number in count(1):
        score = _LOWEST + _RANGE * (number * _STEP % 1)
        yield MODELS[number % len(MODELS)], f"{score:.9f}"
