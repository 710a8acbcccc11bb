"""Growth: the speed of an import into an archive that is already large, and the memory that a large
import takes."""

from dataclasses import asdict, dataclass, field

from bench.data import write_next_month
from bench.drawing import draw
from bench.plan import Plan
from bench.samples import Result, at_least, at_most, mebibytes, per_second
from bench.service import running_service

STEP_ROWS = 500_000
STEPS = 10
ROUNDS = 3
MEMORY_ROWS = (30_000, 300_000, 1_000_000, 3_000_000)
SMALLER, LARGER = 300_000, 3_000_000


@dataclass
class Curves:
    """The points of the plot. `speed` has pairs of events in the archive and rows per second,
    `memory` has pairs of rows in a file and peak MiB."""

    speed: list[tuple[int, float]] = field(default_factory=list)
    memory: list[tuple[int, float]] = field(default_factory=list)


def measure(plan: Plan) -> list[Result]:
    curves = Curves()
    empty = [_speed_when_empty(plan) for _ in plan.rounds(ROUNDS)]
    _fill(plan, curves)
    peaks = {rows: _peak(plan, rows, curves) for rows in MEMORY_ROWS}
    draw("growth", asdict(curves), plan.images / "bench-growth.svg")
    full = [speed for events, speed in curves.speed if events >= plan.rows(STEP_ROWS) * STEPS]
    return [
        Result(
            f"an import into an archive of {_millions(plan.rows(STEP_ROWS) * STEPS)} events",
            per_second(full, "rows"),
            "the same into an empty one",
            per_second(empty, "rows"),
            at_least(0.7),
        ),
        Result(
            f"worker's peak memory, a file of {_millions(plan.rows(LARGER))} rows",
            mebibytes(peaks[LARGER]),
            f"a file of {_millions(plan.rows(SMALLER))}",
            mebibytes(peaks[SMALLER]),
            at_most(1.1),
        ),
    ]


def _speed_when_empty(plan: Plan) -> float:
    with plan.scratch() as folder, running_service(folder / "data") as service:
        service.rest()
        return service.take_in(plan.offers(STEP_ROWS)).rows_per_second


def _fill(plan: Plan, curves: Curves) -> None:
    """Imports each month's new listings, step by step, then one more step for each round.

    A step begins when the worker has copied what the previous step wrote into the main file, as in
    an empty archive.
    """
    with plan.scratch() as folder, running_service(folder / "data") as service:
        for step in range(STEPS + len(plan.rounds(ROUNDS))):
            file = write_next_month(plan.offers(STEP_ROWS), folder / "step.csv", step)
            service.rest()
            speed = service.take_in(file).rows_per_second
            curves.speed.append((step * plan.rows(STEP_ROWS), speed))


def _peak(plan: Plan, rows: int, curves: Curves) -> float:
    with plan.scratch() as folder, running_service(folder / "data") as service:
        service.take_in(plan.offers(rows))
        peak = service.peak_mib(worker=True)
    curves.memory.append((plan.rows(rows), peak))
    return peak


def _millions(count: int) -> str:
    return f"{count / 1_000_000:g} million"
