"""Uploads while a large import runs: what it costs clients that send small files meanwhile."""

import time
from pathlib import Path

from bench.data import write_offers
from bench.plan import MARKET_ROWS, Plan
from bench.samples import Result, at_most, milliseconds
from bench.service import Running, running_service

SMALL_ROWS = 100
SMALL_UPLOADS = 200
HEARTBEAT_SECONDS = 0.5
LARGE_ROWS = 3 * MARKET_ROWS
"""A million rows would not be enough: they are written before all small files are sent."""


def measure(plan: Plan) -> list[Result]:
    count = plan.size(SMALL_UPLOADS, least=2)
    with plan.scratch() as folder, running_service(folder / "data") as service:
        small = write_offers(folder / "small.csv", SMALL_ROWS)
        at_rest = [_upload(service, small) for _ in range(count)]
        import_id = service.upload(plan.offers(LARGE_ROWS))
        beside, signs = [], set()
        for _ in range(count):
            beside.append(_upload(service, small))
            signs.add(service.status(import_id)["heartbeat_at"])
        was_running = service.status(import_id)["status"] == "running"
        service.wait(import_id)
    assert was_running or not plan.is_full, "the large import ended before the small uploads did"
    return [
        Result(
            f"{count} uploads of {SMALL_ROWS} rows beside a large import",
            milliseconds(beside),
            "at rest",
            milliseconds(at_rest),
        ),
        Result(
            "… the slowest of them",
            milliseconds([max(beside)]),
            "at rest",
            milliseconds([max(at_rest)]),
            at_most(3),
        ),
        Result(
            "… from one heartbeat in the large import's status to the next",
            milliseconds([sum(beside) / len(signs)]),
            "its heartbeat",
            milliseconds([HEARTBEAT_SECONDS]),
            at_most(3),
        ),
    ]


def _upload(service: Running, path: Path) -> float:
    """Seconds that one POST takes."""
    began = time.perf_counter()
    service.upload(path)
    return time.perf_counter() - began
