"""Workers side by side on PostgreSQL: three large files with three workers, against one worker; and
the use of what they share: the cores, and the archive's one lock."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import psutil
import psycopg

from bench.capacity import Costs, seconds_for
from bench.data import write_next_month
from bench.plan import Plan
from bench.postgres import URL, running_postgres, workers_on
from bench.samples import Result, Sample, at_least, per_second, seconds
from glyphd.db.dialects import ARCHIVE_LOCK

FILES = 3
FILE_ROWS = 300_000
ROUNDS = 3
PROBE_SECONDS = 0.01
_HELD = """
SELECT EXISTS (
    SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = database
    WHERE datname = current_database() AND locktype = 'advisory' AND granted
        AND (classid::bigint << 32) + objid::bigint = %s
)"""


@dataclass
class Turn:
    """Several files imported by some workers: the total seconds, the seconds for which the
    archive's lock was held, and the average number of cores at work."""

    rows: int = 0
    seconds: float = 0
    lock_seconds: float = 0
    cores: float = 0

    @property
    def speed(self) -> float:
        return self.rows / self.seconds


@dataclass
class Turns:
    one: list[Turn] = field(default_factory=list)
    three: list[Turn] = field(default_factory=list)


def measure(plan: Plan) -> list[Result]:
    turns = Turns()
    with running_postgres() as server_url, plan.scratch() as files:
        paths = [
            write_next_month(plan.offers(FILE_ROWS), files / f"{month}.csv", month)
            for month in range(FILES)
        ]
        for _ in plan.rounds(ROUNDS):
            turns.one.append(_take_in(plan, server_url, paths, workers=1))
            turns.three.append(_take_in(plan, server_url, paths, workers=FILES))
    return _results(plan, turns)


def _results(plan: Plan, turns: Turns) -> list[Result]:
    what = f"{FILES} files of {plan.rows(FILE_ROWS)} rows"
    return [
        Result(
            f"{what}, {FILES} workers",
            per_second((turn.speed for turn in turns.three), "rows"),
            "one worker",
            per_second((turn.speed for turn in turns.one), "rows"),
            at_least(1.3),
        ),
        Result(
            f"… {FILES} workers, measured",
            per_second((turn.speed for turn in turns.three), "rows"),
            "as `bench/capacity.py` says from one worker's costs",
            per_second((_foreseen(turn) for turn in turns.one), "rows"),
            at_least(0.75),
        ),
        Result(
            "cores at work, one worker",
            Sample(tuple(turn.cores for turn in turns.one), "cores"),
            "there are",
            Sample((float(psutil.cpu_count() or 1),), "cores"),
        ),
        Result(
            f"cores at work, {FILES} workers",
            Sample(tuple(turn.cores for turn in turns.three), "cores"),
            "there are",
            Sample((float(psutil.cpu_count() or 1),), "cores"),
        ),
        Result(
            "the archive's lock held, one worker",
            seconds(turn.lock_seconds for turn in turns.one),
            "the whole time",
            seconds(turn.seconds for turn in turns.one),
        ),
        Result(
            f"the archive's lock held, {FILES} workers",
            seconds(turn.lock_seconds for turn in turns.three),
            "the whole time",
            seconds(turn.seconds for turn in turns.three),
        ),
    ]


def costs_of(turn: Turn) -> Costs:
    """The costs of one file, from a turn with one worker. While the lock is held, one core is at
    work."""
    inside, busy = turn.lock_seconds, turn.cores * turn.seconds
    width = (busy - inside) / (turn.seconds - inside)
    return Costs(turn.rows // FILES, (busy - inside) / FILES, inside / FILES, max(1.0, width))


def _foreseen(turn: Turn) -> float:
    cores = float(psutil.cpu_count() or 1)
    seconds = seconds_for(costs_of(turn), files=FILES, workers=FILES, cores=cores)
    return turn.rows / seconds


def _take_in(plan: Plan, server_url: str, paths: list[Path], *, workers: int) -> Turn:
    """Imports the files; measures from before the first upload until the last one is imported."""
    turn = Turn(rows=plan.rows(FILE_ROWS) * len(paths))
    with (
        plan.scratch() as folder,
        workers_on(server_url, folder / "data", workers) as service,
        _watched(turn),
    ):
        for import_id in [service.upload(path) for path in paths]:
            service.wait(import_id)
    return turn


@contextmanager
def _watched(turn: Turn) -> Iterator[None]:
    """Measures the block: its time, the cores at work, and how long the lock was held."""
    ended = Event()
    probe = Thread(target=_probe_lock, args=(os.environ[URL], turn, ended))
    probe.start()
    used, began = _processor_seconds(), time.perf_counter()
    try:
        yield
    finally:
        turn.seconds = time.perf_counter() - began
        turn.cores = (_processor_seconds() - used) / turn.seconds
        ended.set()
        probe.join()


def _probe_lock(url: str, turn: Turn, ended: Event) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        before = time.perf_counter()
        while not ended.wait(PROBE_SECONDS):
            row = connection.execute(_HELD, (ARCHIVE_LOCK,)).fetchone()
            now = time.perf_counter()
            turn.lock_seconds += now - before if row and row[0] else 0
            before = now


def _processor_seconds() -> float:
    """Processor seconds that all processes of the machine have used so far."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system)
