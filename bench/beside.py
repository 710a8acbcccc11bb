"""Side by side: the slowest answers to queries while a large import runs, against those at rest."""

from bench.cached import listing_requests
from bench.data import LAST_EDITION
from bench.load import Load, run_load, under_load
from bench.load_client import Job
from bench.plan import MARKET_ROWS, Plan
from bench.samples import Result, at_most, milliseconds, per_second
from bench.service import Running, running_service

REST_SECONDS = 10
ROUNDS = 3


def measure(plan: Plan) -> list[Result]:
    at_rest, beside = [], []
    with plan.market() as folder, running_service(folder) as service:
        _at_rest(plan, service)
        for number in plan.rounds(ROUNDS):
            at_rest.append(_at_rest(plan, service))
            beside.append(_beside_an_import(plan, service, edition=1 + number % LAST_EDITION))
    return [
        Result(
            "p99 of pages while an import runs",
            milliseconds(load.p99 for load in beside),
            "at rest",
            milliseconds(load.p99 for load in at_rest),
            at_most(3),
        ),
        Result(
            "… p50",
            milliseconds(load.p50 for load in beside),
            "at rest",
            milliseconds(load.p50 for load in at_rest),
        ),
        Result(
            "… pages",
            per_second((load.per_second for load in beside), "requests"),
            "at rest",
            per_second((load.per_second for load in at_rest), "requests"),
        ),
    ]


def _at_rest(plan: Plan, service: Running) -> Load:
    seconds = max(0.5, REST_SECONDS * plan.scale)
    return run_load(Job(service.port, listing_requests(), warmup_seconds=0, seconds=seconds))


def _beside_an_import(plan: Plan, service: Running, *, edition: int) -> Load:
    """The load from the import's 202 to its end."""
    import_id = service.upload(plan.offers(MARKET_ROWS, edition=edition))
    with under_load(Job(service.port, listing_requests(), warmup_seconds=0)) as load:
        service.wait(import_id)
    return load
