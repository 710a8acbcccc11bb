"""Offers that are sold: each day's complete file lacks another tenth of them. Pages of listings
that are new, gone and back, against a plain page."""

from bench.data import write_without
from bench.plan import MARKET_ROWS, Plan
from bench.samples import Result, at_most, milliseconds
from bench.service import running_service

ROUNDS = 30
COMPLETE = "?source=feed&complete=true"
PLAIN = "/api/listings?limit=100"
KINDS = ("new", "gone", "back")


def measure(plan: Plan) -> list[Result]:
    paths = {kind: f"/api/deltas?kind={kind}&limit=100" for kind in KINDS}
    times: dict[str, list[float]] = {path: [] for path in (PLAIN, *paths.values())}
    with plan.scratch() as folder, running_service(folder / "data") as service:
        service.take_in(plan.offers(MARKET_ROWS), COMPLETE)
        for day in (1, 2):
            whole = plan.offers(MARKET_ROWS, edition=day)
            service.take_in(write_without(whole, folder / f"day-{day}.csv", day), COMPLETE)
        service.rest()
        with service.client() as client:
            for number in range(-1, len(plan.rounds(ROUNDS))):
                for path, values in times.items():
                    asked = f"{path}&after=0001-01-01T00:00:00.{number + 1:06}Z"
                    values.append(client.seconds_for(asked))
    plain = milliseconds(times[PLAIN][1:])
    return [
        Result(f"`{path}`", milliseconds(times[path][1:]), "a plain page", plain, at_most(5))
        for path in paths.values()
    ]
