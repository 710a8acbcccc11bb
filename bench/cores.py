"""Pages that no one has requested before, from two API processes and from one."""

from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path

import psutil

from bench.load import Load
from bench.plan import Plan
from bench.samples import Result, Sample, at_least, mebibytes, milliseconds, per_second
from bench.service import Running, running_service
from bench.unseen import Unseen

ROUNDS = 5
PROCESSES = (1, 2)


def measure(plan: Plan) -> list[Result]:
    unseen, loads = Unseen(), defaultdict[int, list[Load]](list)
    with ExitStack() as stack:
        enter = stack.enter_context
        services = {
            processes: enter(
                running_service(enter(plan.market()), worker=False, processes=processes)
            )
            for processes in PROCESSES
        }
        for _ in plan.rounds(ROUNDS):
            for processes, service in services.items():
                loads[processes].append(unseen.load(plan, service.port))
        memory = {processes: _memory_mib(service) for processes, service in services.items()}
    return _results(loads, memory)


def _memory_mib(service: Running) -> float:
    """MiB of all API processes together; memory that several of them share counts once."""
    return sum(_pss_kib(process) for process in service.api_processes) / 1024


def _pss_kib(process: psutil.Process) -> int:
    lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def _results(loads: dict[int, list[Load]], memory: dict[int, float]) -> list[Result]:
    two, one = loads[2], loads[1]
    rates = [per_second((load.per_second for load in each), "requests") for each in (two, one)]
    tails = [milliseconds(load.p99 for load in each) for each in (two, one)]
    busy = [
        Sample(tuple(100 * load.client_load for load in each), "% of a core") for each in (two, one)
    ]
    held = [mebibytes(memory[processes]) for processes in (2, 1)]
    return [
        Result("pages of two processes", rates[0], "one process", rates[1], at_least(1.4)),
        Result("… p99", tails[0], "one process", tails[1]),
        Result("the client's own load meanwhile", busy[0], "one process", busy[1]),
        Result("memory of the API's processes", held[0], "one process", held[1]),
    ]
