"""A model of several workers that share the cores and the archive's one lock. It estimates what
more workers or more cores would bring: `python -m bench.capacity` prints a table from measured
costs."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

_NOTHING = 1e-9


@dataclass(frozen=True)
class Costs:
    """The costs of one import in processor seconds, including the database's.

    `outside` is the time for reading, checking and staging, on at most `width` cores at a time;
    `inside` is the time with the archive's lock, on one core.
    """

    rows: int
    outside: float
    inside: float
    width: float = 2.0


@dataclass
class _Worker:
    """A worker that imports one file after another."""

    outside: float = 0
    inside: float = 0
    has_lock: bool = False

    @property
    def is_done(self) -> bool:
        return self.outside <= _NOTHING and self.inside <= _NOTHING


def seconds_for(costs: Costs, *, files: int, workers: int, cores: float) -> float:
    """The seconds that `workers` workers need for `files` equal files that are already waiting.

    Workers that run at the same time share the cores evenly; only one at a time has the lock.
    """
    waiting, passed = files, 0.0
    crew = [_Worker() for _ in range(workers)]
    while True:
        # 1. Idle workers take the next files, and the first worker that needs the lock gets it.
        for worker in crew:
            if worker.is_done:
                worker.has_lock = False
                if waiting:
                    worker.outside, worker.inside = costs.outside, costs.inside
                    waiting -= 1
        _give_lock(crew)
        # 2. The cores that each worker can use, until the first one finishes its part.
        wanted = [_cores_for(worker, costs) for worker in crew]
        total = sum(wanted)
        if not total:
            return passed
        share = min(1.0, cores / total)
        step = min(
            _left(worker) / (want * share)
            for worker, want in zip(crew, wanted, strict=True)
            if want
        )
        # 3. Advance by that much time.
        passed += step
        for worker, want in zip(crew, wanted, strict=True):
            _work(worker, want * share * step)


def rows_per_second(costs: Costs, *, workers: int, cores: float, files: int = 60) -> float:
    """The rate at which `workers` workers import a queue of `files` files."""
    return costs.rows * files / seconds_for(costs, files=files, workers=workers, cores=cores)


def _give_lock(crew: Sequence[_Worker]) -> None:
    if any(worker.has_lock for worker in crew):
        return
    for worker in crew:
        if worker.outside <= _NOTHING < worker.inside:
            worker.has_lock = True
            return


def _cores_for(worker: _Worker, costs: Costs) -> float:
    if worker.outside > _NOTHING:
        return costs.width
    return 1.0 if worker.has_lock else 0.0


def _left(worker: _Worker) -> float:
    return worker.outside if worker.outside > _NOTHING else worker.inside


def _work(worker: _Worker, done: float) -> None:
    if worker.outside > _NOTHING:
        worker.outside = max(0.0, worker.outside - done)
    else:
        worker.inside = max(0.0, worker.inside - done)


def main() -> None:
    """Prints the rows per second for several numbers of workers and cores."""
    parser = argparse.ArgumentParser(prog="python -m bench.capacity", description=__doc__)
    parser.add_argument("--rows", type=int, required=True, help="rows in a file")
    parser.add_argument(
        "--outside", type=float, required=True, help="processor seconds without the archive's lock"
    )
    parser.add_argument(
        "--inside", type=float, required=True, help="processor seconds with the archive's lock"
    )
    parser.add_argument("--width", type=float, default=2.0, help="cores that one import can use")
    asked = parser.parse_args()
    costs = Costs(asked.rows, asked.outside, asked.inside, asked.width)
    print("workers " + "".join(f"{cores:>4} cores" for cores in (2, 4, 8, 16)))
    for workers in (1, 2, 3, 4, 6, 8):
        rates = [rows_per_second(costs, workers=workers, cores=cores) for cores in (2, 4, 8, 16)]
        print(f"{workers:>7} " + "".join(f"{rate:>10,.0f}" for rate in rates))


if __name__ == "__main__":
    main()
