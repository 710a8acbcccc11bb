"""Small imports: how long a few rows take, and what the worker costs while there is nothing to
import."""

import time
from pathlib import Path

import psutil

from bench.client import Client
from bench.data import write_offers
from bench.plan import Plan
from bench.samples import Result, Sample, at_most, below, milliseconds
from bench.service import ASYNC, FINAL, Running, running_service

ROWS = 100
IMPORTS = 50
IDLE_SECONDS = 20


def measure(plan: Plan) -> list[Result]:
    with plan.scratch() as folder, running_service(folder / "data") as service:
        bodies = _bodies(folder, 2 * plan.size(IMPORTS, least=5))
        until_in, answered = _alternate(service, bodies)
        idle = _load_of(service.worker, plan.size(IDLE_SECONDS, least=2))
    return [
        Result(
            f"{ROWS} rows, from the POST to `succeeded`",
            milliseconds(until_in),
            "the POST alone (`respond-async`)",
            milliseconds(answered),
            at_most(5),
        ),
        Result(
            "an idle worker",
            Sample((idle,), "% of a core"),
            "a core",
            Sample((100,), "%"),
            below(0.01),
        ),
    ]


def _bodies(folder: Path, count: int) -> list[bytes]:
    """The contents of `count` different files."""
    return [
        write_offers(folder / "small.csv", ROWS, seed=seed).read_bytes() for seed in range(count)
    ]


def _alternate(service: Running, bodies: list[bytes]) -> tuple[list[float], list[float]]:
    """Seconds until rows are imported, and until a POST is answered, in turn. Nothing else is
    queued meanwhile."""
    until_in, answered = [], []
    with service.client() as client:
        for one, another in zip(bodies[::2], bodies[1::2], strict=True):
            until_in.append(_seconds_until_in(client, one))
            began = time.perf_counter()
            status = client.post("/api/import", another, ASYNC)
            answered.append(time.perf_counter() - began)
            service.wait(status["import_id"])
    return until_in, answered


def _seconds_until_in(client: Client, body: bytes) -> float:
    began = time.perf_counter()
    status = client.post("/api/import", body, {})
    while status["status"] not in FINAL:
        status = client.get_object(f"/api/imports/{status['import_id']}")
    assert status["status"] == "succeeded", status["error"]
    return time.perf_counter() - began


def _load_of(process: psutil.Process, seconds: float) -> float:
    """The load of the process during `seconds`, in percent of a core."""
    before = process.cpu_times()
    time.sleep(seconds)
    after = process.cpu_times()
    used = (after.user + after.system) - (before.user + before.system)
    return max(0.0, round(100 * used / seconds, 3))
