"""Memory: constant in the API whatever the upload's size, constant in the worker whatever the
number of rows."""

from pathlib import Path

from bench.data import write_repeated
from bench.plan import MARKET_ROWS, Plan
from bench.samples import Result, mebibytes, spaced
from bench.service import running_service

SMALL_ROWS = 10_000
LARGE_BYTES = 1_000_000_000


def measure(plan: Plan) -> list[Result]:
    small, large = plan.offers(SMALL_ROWS), plan.offers(MARKET_ROWS)
    api_small, worker_small = _peaks(plan, small)
    _, worker_large = _peaks(plan, large)
    with plan.scratch() as folder:
        giant = write_repeated(large, folder / "giant.csv", plan.size(LARGE_BYTES, least=1_000_000))
        api_giant, _ = _peaks(plan, giant, wait=False)
        size = giant.stat().st_size / 1_000_000
    rows = f"{spaced(plan.rows(MARKET_ROWS))} rows"
    return [
        _against_small(f"API's peak memory, an upload of {size:.0f} MB", api_giant, api_small),
        _against_small(f"worker's peak memory, an import of {rows}", worker_large, worker_small),
    ]


def _peaks(plan: Plan, file: Path, *, wait: bool = True) -> tuple[float, float]:
    """Peak MiB of the API and of the worker, in a new service that received only this file."""
    with plan.scratch() as folder, running_service(folder / "data") as service:
        import_id = service.upload(file)
        if wait:
            service.wait(import_id)
        return service.peak_mib(worker=False), service.peak_mib(worker=True)


def _against_small(what: str, large: float, small: float) -> Result:
    return Result(what, mebibytes(large), "a small one", mebibytes(small))
