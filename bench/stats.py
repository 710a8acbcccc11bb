"""Statistics in groups, against the same statistics by SQL in the `sqlite3` shell, and computed
columns against a plain page. No query is sent twice with the same parameters, except those that a
worker has answered beforehand: each of these is sent to a new process."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from bench.peers import PRAGMAS, copy_market, run_shell
from bench.plan import MARKET_ROWS, Plan
from bench.samples import Result, at_most, milliseconds
from bench.service import Running, running_service

ROUNDS = 5
PLAIN = "/api/listings?limit=100"
PRICED = f"{PLAIN}&fields=model,price_usd,price_percentile,price_vs_median_pct"
GROUPINGS = ("model", "model,region")
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
KEPT = {
    "`/api/stats?by=model`": ("/api/stats?by=model", 40),
    "`/api/stats?by=model,region`": ("/api/stats?by=model,region", 40),
    "`/api/models`": ("/api/models", 40),
    "a page with percentiles": (PRICED, 3),
}
"""Paths, and how many times as long as a plain page each may take."""
ENOUGH_ROWS = 20_000
"""In a smaller archive, the worker stores no answers."""

WARM_UP = 20
KEPT_SECONDS = 600


def measure(plan: Plan) -> list[Result]:
    rounds = len(plan.rounds(ROUNDS))
    with plan.market() as folder:
        with running_service(folder) as service:
            for edition in (1, 2):
                service.take_in(plan.offers(MARKET_ROWS, edition=edition))
            computed = _computed(service, folder, rounds)
            if plan.rows(MARKET_ROWS) >= ENOUGH_ROWS:
                _wait_until_kept(service)
        first = _asked_first(folder, rounds)
    plain = milliseconds(first.pop(PLAIN))
    return [
        *computed,
        *(
            Result(
                f"{what}, asked first",
                milliseconds(first[path]),
                "a plain page",
                plain,
                at_most(most),
            )
            for what, (path, most) in KEPT.items()
        ),
    ]


def _computed(service: Running, folder: Path, rounds: int) -> list[Result]:
    """Statistics that were not computed beforehand."""
    peer = copy_market(service.archive, folder / "peer.sqlite")
    paths = {by: f"/api/stats?by={by}" for by in GROUPINGS}
    with service.client() as client:
        times = {
            by: [client.seconds_for(_asked_anew(path, number)) for number in range(rounds)]
            for by, path in paths.items()
        }
    return [
        Result(
            f"`{paths[by]}` of a part",
            milliseconds(times[by]),
            "the sqlite3 shell",
            milliseconds(run_shell(peer, _by_hand(by)) for _ in range(rounds)),
            at_most(1.3),
        )
        for by in GROUPINGS
    ]


def _asked_first(folder: Path, rounds: int) -> dict[str, list[float]]:
    """Seconds for each query in a process that has not received it before, and for plain pages that
    this process has not served before either."""
    times: dict[str, list[float]] = {
        path: [] for path in (PLAIN, *(path for path, _ in KEPT.values()))
    }
    for _ in range(rounds):
        for path, _most in KEPT.values():
            with running_service(folder) as service, service.client() as client:
                for number in range(WARM_UP):
                    client.get_ok(_asked_anew(PLAIN, number))
                times[PLAIN].append(client.seconds_for(_asked_anew(PLAIN, WARM_UP)))
                times[path].append(client.seconds_for(path))
    return times


def _wait_until_kept(service: Running) -> None:
    """Waits until the worker has stored the answers that it computes beforehand."""
    deadline = time.monotonic() + KEPT_SECONDS
    names = len(GROUPINGS) + 3
    query = (
        "SELECT COUNT(*) FROM market_summaries WHERE archive_version LIKE "
        "(SELECT MAX(id) FROM import_batches) || '-%'"
    )
    with closing(sqlite3.connect(service.archive)) as archive:
        while archive.execute(query).fetchone()[0] < names:
            assert time.monotonic() < deadline, "the worker did not keep its answers"
            time.sleep(1)


def _asked_anew(path: str, number: int) -> str:
    """The same query with a parameter that was not used before."""
    return f"{path}&after=0001-01-01T00:00:00.{number:06}Z"


def _by_hand(by: str) -> str:
    """SQL for the same statistics of a plain table; each measure is ranked by a window function."""
    measures = {"price": "price_usd", "score": "score", "ratio": "score * 1000 / price_usd"}
    ranked = [
        f"SELECT {by}, value, row_number() OVER (PARTITION BY {by} ORDER BY value) AS rank, "
        f"count(*) OVER (PARTITION BY {by}) AS size "
        f"FROM (SELECT {by}, {value} AS value FROM listings)"
        for value in measures.values()
    ]
    picked = [f"SELECT {by}, {_picks()} FROM ({rows}) GROUP BY {by};\n" for rows in ranked]
    totals = (
        f"SELECT {by}, count(*), min(price_usd), max(price_usd), avg(price_usd), min(score), "
        f"max(score), avg(score), count(DISTINCT seller), max(seen_at) FROM listings GROUP BY {by};"
    )
    return PRAGMAS + "".join(picked) + totals


def _picks() -> str:
    return ", ".join(
        f"max(CASE WHEN rank = CAST((size - 1) * {part} AS INTEGER) + {place} THEN value END)"
        for part in QUANTILES
        for place in (1, 2)
    )
