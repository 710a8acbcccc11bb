"""Uploads while a large import runs: what it costs the clients that send small files meanwhile."""

import time
from pathlib import Path

from bench.data import write_offers
from bench.plan import MARKET_ROWS, Plan
from bench.samples import Result, milliseconds
from bench.service import Running, running_service

SMALL_ROWS = 100
SMALL_UPLOADS = 200


def measure(plan: Plan) -> list[Result]:
    count = plan.size(SMALL_UPLOADS, least=2)
    with plan.scratch() as folder, running_service(folder / "data") as service:
        small = write_offers(folder / "small.csv", SMALL_ROWS)
        at_rest = _upload_all(service, small, count)
        import_id = service.upload(plan.offers(MARKET_ROWS))
        beside = _upload_all(service, small, count)
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
        Result("… the slowest of them", milliseconds([max(beside)]), "at rest", milliseconds([max(at_rest)])),
    ]


def _upload_all(service: Running, path: Path, count: int) -> list[float]:
    """Seconds that each POST took, one after another."""
    seconds = []
    for _ in range(count):
        began = time.perf_counter()
        service.upload(path)
        seconds.append(time.perf_counter() - began)
    return seconds
