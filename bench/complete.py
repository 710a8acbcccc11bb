"""A second edition of the market, sent as complete, against the same edition sent without."""

from pathlib import Path

from bench.plan import MARKET_ROWS, Plan
from bench.samples import Result, at_most, seconds
from bench.service import running_service

ROUNDS = 3
COMPLETE = "?source=feed&complete=true"
PLAIN = "?source=feed"


def measure(plan: Plan) -> list[Result]:
    files = [plan.offers(MARKET_ROWS, edition=edition) for edition in (0, 1)]
    times: dict[str, list[float]] = {PLAIN: [], COMPLETE: []}
    for number in plan.rounds(ROUNDS):
        for query in (PLAIN, COMPLETE) if number % 2 else (COMPLETE, PLAIN):
            with plan.scratch() as folder:
                times[query].append(_second_import(folder / "data", files, query))
    return [
        Result(
            "a second edition, sent as complete",
            seconds(times[COMPLETE]),
            "sent without",
            seconds(times[PLAIN]),
            at_most(1.1),
        )
    ]


def _second_import(folder: Path, files: list[Path], query: str) -> float:
    with running_service(folder) as service:
        service.take_in(files[0], query)
        service.rest()
        return service.take_in(files[1], query).seconds
