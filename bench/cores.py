"""Pages that nobody asked for before, from two API processes and from one."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from itertools import islice
from pathlib import Path

import psutil

from bench.load import Load, run_load
from bench.load_client import Job
from bench.plan import Plan
from bench.samples import Result, Sample, at_least, mebibytes, milliseconds, per_second
from bench.service import Running, running_service
from bench.unseen import listing_path, unseen_questions

LOAD_SECONDS = 8
ROUNDS = 5
MOST_PER_SECOND = 2500
PROCESSES = (1, 2)


def measure(plan: Plan) -> list[Result]:
    questions = unseen_questions()
    with ExitStack() as stack:
        services = {
            processes: stack.enter_context(_service(plan, processes, stack))
            for processes in PROCESSES
        }
        loads: dict[int, list[Load]] = {processes: [] for processes in PROCESSES}
        for _ in plan.rounds(ROUNDS):
            for processes, service in services.items():
                loads[processes].append(_load(plan, service, questions))
        memory = {processes: _memory_mib(service) for processes, service in services.items()}
    return _results(loads, memory)


def _service(plan: Plan, processes: int, stack: ExitStack) -> AbstractContextManager[Running]:
    folder = stack.enter_context(plan.market())
    return running_service(folder, worker=False, processes=processes)


def _load(plan: Plan, service: Running, questions: Iterator[tuple[str, str]]) -> Load:
    seconds = max(0.5, LOAD_SECONDS * plan.scale)
    warmup = seconds / 5
    asked = islice(questions, round(MOST_PER_SECOND * (seconds + warmup)))
    requests: list[tuple[str, dict[str, str]]] = [(listing_path(*one), {}) for one in asked]
    load = run_load(Job(service.port, requests, warmup_seconds=warmup, seconds=seconds))
    assert len(load.latencies) < len(requests), "a request was repeated"
    return load


def _memory_mib(service: Running) -> float:
    """The share of all API processes: what several of them have in memory counts once."""
    return sum(_pss_kib(process) for process in service.api_processes) / 1024


def _pss_kib(process: psutil.Process) -> int:
    lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def _results(loads: dict[int, list[Load]], memory: dict[int, float]) -> list[Result]:
    one, two = (loads[processes] for processes in PROCESSES)
    rates = [per_second((load.per_second for load in each), "requests") for each in (two, one)]
    tails = [milliseconds(load.p99 for load in each) for each in (two, one)]
    busy = [
        Sample(tuple(100 * load.client_load for load in each), "% of a core") for each in (two, one)
    ]
    return [
        Result("pages of two processes", rates[0], "one process", rates[1], at_least(1.4)),
        Result("… p99", tails[0], "one process", tails[1]),
        Result("the client's own load meanwhile", busy[0], "one process", busy[1]),
        Result(
            "memory of the API's processes",
            mebibytes(memory[2]),
            "one process",
            mebibytes(memory[1]),
        ),
    ]
