"""Watches: what 200 of them cost an import of 100 000 rows, when all rows are new and when all
prices have changed."""

import json
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from itertools import cycle
from pathlib import Path
from typing import Any

from bench.data import MODELS, REGIONS
from bench.plan import Plan
from bench.samples import Result, at_most, seconds, spaced
from bench.service import Running, running_service

ROWS = 100_000
WATCHES = 200
WITHOUT_MODEL = 20
"""This many of the watches are for offers of any model."""
ROUNDS = 5
CONDITIONS: tuple[tuple[str, float | None], ...] = (
    ("price_below", 5000),
    ("drop_pct", 10),
    ("new", None),
    ("gone", None),
    ("back", None),
    ("lowest_ever", None),
)


def measure(plan: Plan) -> list[Result]:
    files = [plan.offers(ROWS, edition=edition) for edition in (0, 1)]
    times: dict[tuple[bool, int], list[tuple[float, float]]] = {}
    for number in plan.rounds(ROUNDS):
        for is_watched in (False, True) if number % 2 else (True, False):
            with plan.scratch() as folder:
                for edition, taken in enumerate(_import_both(folder / "data", files, is_watched)):
                    times.setdefault((is_watched, edition), []).append(taken)
    rows = f"{spaced(plan.rows(ROWS))} rows"
    names = (f"{rows} into an empty archive", "the same listings, every price changed")
    return [
        Result(
            f"{name}, {WATCHES} watches{what}",
            seconds(taken[place] for taken in times[True, edition]),
            "without watches",
            seconds(taken[place] for taken in times[False, edition]),
            at_most(1.2),
        )
        for edition, name in enumerate(names)
        for place, what in enumerate(("", ": processor time"))
    ]


def _import_both(
    folder: Path, files: list[Path], is_watched: bool
) -> Iterator[tuple[float, float]]:
    """For each import: the seconds by its status, and the worker's processor seconds."""
    with running_service(folder) as service:
        if is_watched:
            for watch in _watches():
                _create(service, watch)
        for file in files:
            service.rest()
            used = service.worker_seconds()
            taken = service.take_in(file).reported_seconds
            yield taken, service.worker_seconds() - used


def _watches() -> Iterator[dict[str, Any]]:
    models, regions = cycle(MODELS), cycle(REGIONS)
    for number, (condition, value) in zip(range(WATCHES), cycle(CONDITIONS), strict=False):
        filters: dict[str, Any] = {"model": next(models)} if number >= WITHOUT_MODEL else {}
        if number % 3 == 0:
            filters["region"] = next(regions)
        watch = {"name": f"watch {number}", "condition": condition, "filters": filters}
        yield watch if value is None else watch | {"value": value}


def _create(service: Running, watch: dict[str, Any]) -> None:
    with closing(HTTPConnection("127.0.0.1", service.port, timeout=60)) as connection:
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/api/watches", json.dumps(watch), headers)
        answer = connection.getresponse()
        assert answer.status == 201, answer.read()
