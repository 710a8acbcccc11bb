"""Statistics in groups against the same by SQL in the `sqlite3` shell, and computed columns against
a plain page. No question is asked twice in the same words."""

from bench.peers import PRAGMAS, copy_market, run_shell
from bench.plan import MARKET_ROWS, Plan
from bench.samples import Result, at_most, milliseconds
from bench.service import running_service

ROUNDS = 5
PLAIN = "/api/listings?limit=100"
PRICED = f"{PLAIN}&fields=model,price_usd,price_percentile,price_vs_median_pct"
GROUPINGS = ("model", "model,region")
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


def measure(plan: Plan) -> list[Result]:
    rounds = len(plan.rounds(ROUNDS))
    with plan.market() as folder, running_service(folder) as service:
        for edition in (1, 2):
            service.take_in(plan.offers(MARKET_ROWS, edition=edition))
        peer = copy_market(service.archive, folder / "peer.sqlite")
        with service.client() as client:
            times = {
                path: [client.seconds_for(_asked_anew(path, number)) for number in range(rounds)]
                for path in (*(f"/api/stats?by={by}" for by in GROUPINGS), PLAIN, PRICED)
            }
        shell = {by: [run_shell(peer, _by_hand(by)) for _ in range(rounds)] for by in GROUPINGS}
    plain = milliseconds(times[PLAIN])
    stats = [
        Result(
            f"`/api/stats?by={by}`",
            milliseconds(times[f"/api/stats?by={by}"]),
            "the sqlite3 shell",
            milliseconds(shell[by]),
            at_most(1.3),
        )
        for by in GROUPINGS
    ]
    priced = milliseconds(times[PRICED][1:] or times[PRICED])
    return [
        *stats,
        Result(
            "a page with percentiles, after the first", priced, "a plain page", plain, at_most(3)
        ),
    ]


def _asked_anew(path: str, number: int) -> str:
    """The same question in words that were not used before."""
    return f"{path}&after=0001-01-01T00:00:00.{number:06}Z"


def _by_hand(by: str) -> str:
    """The same statistics of a plain table, each measure ranked by a window function."""
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
