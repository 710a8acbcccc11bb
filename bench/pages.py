"""Pages that no one has requested before, against Datasette: by model and score, latest first, with
different values in every request, over 8 connections."""

from collections import defaultdict
from contextlib import ExitStack

from bench.cached import table_path
from bench.datasette import running_datasette
from bench.load import Load
from bench.peers import copy_market
from bench.plan import Plan
from bench.samples import Result, at_least, at_most, milliseconds, per_second
from bench.service import running_service
from bench.unseen import Unseen

ROUNDS = 3
ONE, TWO, PEER = "one process", "two processes", "Datasette's table"


def measure(plan: Plan) -> list[Result]:
    unseen, loads = Unseen(), defaultdict[str, list[Load]](list)
    with ExitStack() as stack:
        enter = stack.enter_context
        one, two = (
            enter(running_service(enter(plan.market()), worker=False, processes=processes))
            for processes in (1, 2)
        )
        peer = enter(running_datasette(copy_market(one.archive, one.folder / "peer.sqlite")))
        for _ in plan.rounds(ROUNDS):
            loads[ONE].append(unseen.load(plan, one.port))
            loads[TWO].append(unseen.load(plan, two.port))
            loads[PEER].append(unseen.load(plan, peer, table_path))
    return _results(loads)


def _results(loads: dict[str, list[Load]]) -> list[Result]:
    rates = {
        name: per_second((load.per_second for load in each), "requests")
        for name, each in loads.items()
    }
    tails = {name: milliseconds(load.p99 for load in each) for name, each in loads.items()}
    middles = {name: milliseconds(load.p50 for load in each) for name, each in loads.items()}
    results = []
    for name, least in ((ONE, 3.5), (TWO, 5)):
        results += [
            Result(f"pages, {name}", rates[name], PEER, rates[PEER], at_least(least)),
            Result("… p50", middles[name], PEER, middles[PEER]),
            Result("… p99", tails[name], PEER, tails[PEER], at_most(0.5)),
        ]
    return results
