"""One large upload against `cp` and `fsync` of the same file, and a form against a raw body."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from bench.data import write_repeated
from bench.plan import Plan
from bench.samples import Result, at_most, seconds, spaced
from bench.service import ASYNC, running_service

SIZE = 1_000_000_000
LEAST = 1_000_000
SOURCE_ROWS = 100_000
ROUNDS = 3


def measure(plan: Plan) -> list[Result]:
    times: dict[str, list[float]] = {name: [] for name in WAYS}
    with plan.scratch() as folder:
        file = write_repeated(
            plan.offers(SOURCE_ROWS), folder / "large.csv", plan.size(SIZE, least=LEAST)
        )
        for _ in plan.rounds(ROUNDS):
            for name, way in WAYS.items():
                with plan.scratch() as target:
                    os.sync()
                    times[name].append(way(file, target))
    raw, copy, form = (seconds(times[name]) for name in ("raw", "copy", "form"))
    size = f"{spaced(plan.size(SIZE, least=LEAST) // 1_000_000)} MB"
    return [
        Result(f"{size} as a raw body, to its 202", raw, "`cp` and `fsync`", copy, at_most(3.5)),
        Result(f"{size} as a form", form, "the raw body", raw, at_most(1.3)),
    ]


def _raw(file: Path, target: Path) -> float:
    with running_service(target / "data", worker=False) as service, service.client() as client:
        began = perf_counter()
        client.post_file("/api/import", file, ASYNC)
        return perf_counter() - began


def _form(file: Path, target: Path) -> float:
    with running_service(target / "data", worker=False) as service, service.client() as client:
        began = perf_counter()
        client.post_form("/api/import", file, ASYNC)
        return perf_counter() - began


def _copy(file: Path, target: Path) -> float:
    began = perf_counter()
    subprocess.run(["cp", file, target / "copy.csv"], check=True)
    subprocess.run(["sync", target / "copy.csv"], check=True)
    return perf_counter() - began


WAYS: dict[str, Callable[[Path, Path], float]] = {"raw": _raw, "copy": _copy, "form": _form}
