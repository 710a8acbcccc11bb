"""Uploads while a large import runs: what it costs the clients that send small files meanwhile."""

import time
from pathlib import Path
from statistics import median

from bench.data import write_offers
from bench.service import Running, running_service

SMALL_ROWS = 100
SMALL_UPLOADS = 200
LARGE_ROWS = 1_000_000


def measure(folder: Path) -> list[tuple[str, str, str, str]]:
    """Rows of a table: what, at rest, beside a large import, ratio."""
    small = write_offers(folder / "small.csv", SMALL_ROWS)
    large = write_offers(folder / "large.csv", LARGE_ROWS)
    with running_service(folder / "data") as service:
        at_rest = _upload_all(service, small)
        import_id = service.upload(large)
        beside = _upload_all(service, small)
        was_running = service.status(import_id)["status"] == "running"
        service.wait(import_id)
    assert was_running, "the large import ended before the small uploads did"
    return [
        _row("slowest of 200 uploads of 100 rows", max(at_rest), max(beside)),
        _row("median of them", median(at_rest), median(beside)),
    ]


def _upload_all(service: Running, path: Path) -> list[float]:
    """Seconds that each POST took, one after another."""
    seconds = []
    for _ in range(SMALL_UPLOADS):
        began = time.perf_counter()
        service.upload(path)
        seconds.append(time.perf_counter() - began)
    return seconds


def _row(what: str, at_rest: float, beside: float) -> tuple[str, str, str, str]:
    return what, f"{1000 * at_rest:.0f} ms", f"{1000 * beside:.0f} ms", f"{beside / at_rest:.2f}"
