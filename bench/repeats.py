"""Imports with repeated identities, against one in which all rows are different offers."""

from collections.abc import Callable
from pathlib import Path

from bench.data import write_copies, write_groups
from bench.plan import MARKET_ROWS, Plan
from bench.samples import Result, at_most, seconds, spaced
from bench.service import running_service

TIMES = 20
"""How often each identity occurs in the file."""

ROUNDS = 3


def measure(plan: Plan) -> list[Result]:
    unique = plan.offers(MARKET_ROWS)
    files: dict[str, tuple[Path, Callable[[Path, Path, int], Path]]] = {
        "groups without a URL": (plan.folder / "groups.csv", write_groups),
        "copies with a URL": (plan.folder / "copies.csv", write_copies),
    }
    for path, write in files.values():
        write(unique, path, TIMES)
    baseline: list[float] = []
    found: dict[str, list[float]] = {name: [] for name in files}
    for _ in plan.rounds(ROUNDS):
        baseline.append(_seconds(plan, unique))
        for name, (path, _) in files.items():
            found[name].append(_seconds(plan, path))
    rows = spaced(plan.rows(MARKET_ROWS))
    different = seconds(baseline)
    return [
        Result(
            f"{rows} rows, {TIMES} {name}", seconds(times), "all different", different, at_most(1.5)
        )
        for name, times in found.items()
    ]


def _seconds(plan: Plan, file: Path) -> float:
    with plan.scratch() as folder, running_service(folder / "data") as service:
        return service.take_in(file).seconds
