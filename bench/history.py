"""The market over time: deltas, models and a page with `as_of`, against a plain page of the current
listings."""

from urllib.parse import quote

from bench.client import Client
from bench.plan import MARKET_ROWS, Plan
from bench.samples import Result, below, milliseconds
from bench.service import Running, running_service

ROUNDS = 30
PLAIN = "/api/listings?limit=100"


def measure(plan: Plan) -> list[Result]:
    with plan.market() as folder, running_service(folder) as service:
        questions = _questions(_second_and_third_import(plan, service))
        with service.client() as client:
            times = _alternate(client, [PLAIN, *questions.values()], len(plan.rounds(ROUNDS)))
    plain = milliseconds(times[PLAIN])
    return [
        Result(what, milliseconds(times[path]), "a plain page", plain, below(10))
        for what, path in questions.items()
    ]


def _second_and_third_import(plan: Plan, service: Running) -> str:
    """Imports two more days of the same listings; returns a time between the two."""
    second = service.take_in(plan.offers(MARKET_ROWS, edition=1))
    service.take_in(plan.offers(MARKET_ROWS, edition=2))
    return str(second.status["finished_at"])


def _questions(moment: str) -> dict[str, str]:
    return {
        "`/api/deltas`, changes of 10 % and more": "/api/deltas?min_price_change_pct=10&limit=100",
        "`/api/models`": "/api/models",
        "a page with `as_of`": f"{PLAIN}&as_of={quote(moment)}",
    }


def _alternate(client: Client, paths: list[str], rounds: int) -> dict[str, list[float]]:
    """Seconds for each path, requested in turn. A first round does not count."""
    times: dict[str, list[float]] = {path: [] for path in paths}
    for number in range(1 + rounds):
        for path in paths:
            times[path].append(client.seconds_for(_asked_anew(path, number)))
    return {path: values[1:] for path, values in times.items()}


def _asked_anew(path: str, number: int) -> str:
    """The same query with a parameter that was not used before, so that no cached answer is
    measured. A path without a query stays as it is."""
    return f"{path}&after=0001-01-01T00:00:00.{number:06}Z" if "?" in path else path
