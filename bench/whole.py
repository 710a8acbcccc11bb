"""Whole results: every current listing as CSV, NDJSON and Parquet, against the `sqlite3` shell's
`-csv`."""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from bench.client import Client
from bench.data import COLUMNS
from bench.peers import COLUMN_LIST, copy_market, run_shell
from bench.plan import MARKET_ROWS, Plan
from bench.samples import Result, at_most, mebibytes, seconds, spaced
from bench.service import running_service

FEWER_ROWS = 10_000
ROUNDS = 3
PATH = f"/api/listings?fields={','.join(COLUMNS)}&format="
UNORDERED = f"SELECT {COLUMN_LIST} FROM listings;\n"
ORDERED = f"SELECT {COLUMN_LIST} FROM listings ORDER BY seen_at DESC, rowid DESC;\n"


def measure(plan: Plan) -> list[Result]:
    times, peak = _times(plan)
    csv, ndjson, parquet, shell, ordered = (
        seconds(times[name]) for name in ("csv", "ndjson", "parquet", "unordered", "ordered")
    )
    few, many = (f"{spaced(plan.rows(count))} listings" for count in (FEWER_ROWS, MARKET_ROWS))
    return [
        Result(
            f"{many} as CSV, latest first", csv, "`sqlite3 -csv`, in no order", shell, at_most(3)
        ),
        Result("… again", csv, "`sqlite3 -csv`, latest first", ordered),
        Result(f"{many} as NDJSON", ndjson, "`sqlite3 -csv`, in no order", shell, at_most(4)),
        Result(f"{many} as Parquet", parquet, "`sqlite3 -csv`, in no order", shell),
        Result(
            "API's peak memory",
            mebibytes(peak),
            f"the same with {few}",
            mebibytes(_small_peak(plan)),
            at_most(1.25),
        ),
    ]


def _times(plan: Plan) -> tuple[dict[str, list[float]], float]:
    """Seconds for each way, in turn, and the API's peak memory in MiB, before it loads what writes
    Parquet."""
    with plan.market() as folder, running_service(folder) as service, service.client() as client:
        peer = copy_market(service.archive, folder / "peer.sqlite")
        ways = _ways(client, peer)
        times: dict[str, list[float]] = {name: [] for name in ways}
        for number in plan.rounds(ROUNDS):
            for name, way in ways.items():
                times[name].append(way(number))
        peak = service.peak_mib(worker=False)
        times["parquet"] = [_drained(client, "parquet", number) for number in plan.rounds(ROUNDS)]
        return times, peak


def _ways(client: Client, peer: Path) -> dict[str, Callable[[int], float]]:
    return {
        "csv": lambda number: _drained(client, "csv", number),
        "unordered": lambda _: run_shell(peer, UNORDERED, "-csv", "-header"),
        "ndjson": lambda number: _drained(client, "ndjson", number),
        "ordered": lambda _: run_shell(peer, ORDERED, "-csv", "-header"),
    }


def _drained(client: Client, form: str, number: int) -> float:
    """Seconds to read one result. Each round has its own URL, because a result that was requested
    before is cached."""
    began = perf_counter()
    client.drain(f"{PATH}{form}{'&region=' * number}")
    return perf_counter() - began


def _small_peak(plan: Plan) -> float:
    with (
        plan.market(FEWER_ROWS) as folder,
        running_service(folder) as service,
        service.client() as client,
    ):
        for number in plan.rounds(ROUNDS):
            for form in ("csv", "ndjson"):
                _drained(client, form, number)
        return service.peak_mib(worker=False)
