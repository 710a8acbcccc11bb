"""A model of several workers that share cores and the archive's one lock, to say what more of
either would bring: `python -m bench.capacity` prints a table from measured costs."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

SECONDS_A_DAY = 86_400
_NOTHING = 1e-9


@dataclass(frozen=True)
class Costs:
    """What one import takes, in processor seconds, the database's among them.

    `outside` is spent on reading, checking and staging, on at most `width` cores at a time;
    `inside` with the archive's lock, on one.
    """

    rows: int
    outside: float
    inside: float
    width: float = 2.0


@dataclass
class _Worker:
    """One that imports file after file."""

    outside: float = 0
    inside: float = 0
    has_lock: bool = False

    @property
    def is_done(self) -> bool:
        return self.outside <= _NOTHING and self.inside <= _NOTHING


def seconds_for(costs: Costs, *, files: int, workers: int, cores: float) -> float:
    """How long so many workers take for so many equal files that wait for them.

    Workers that work at the same time share the cores evenly; one at a time has the lock.
    """
    waiting, passed = files, 0.0
    crew = [_Worker() for _ in range(workers)]
    while True:
        # 1. Who has nothing to do takes the next file, and the first who needs the lock gets it.
        for worker in crew:
            if worker.is_done:
                worker.has_lock = False
                if waiting:
                    worker.outside, worker.inside = costs.outside, costs.inside
                    waiting -= 1
        _give_lock(crew)
        # 2. What each can use of the cores, until the first of them ends its part.
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
        # 3. So much time passes.
        passed += step
        for worker, want in zip(crew, wanted, strict=True):
            _work(worker, want * share * step)


def rows_per_second(costs: Costs, *, workers: int, cores: float, files: int = 60) -> float:
    """The rate at which so many workers import files that keep coming."""
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
    """Prints rows a second for some workers and cores."""
    parser = argparse.ArgumentParser(prog="python -m bench.capacity", description=__doc__)
    parser.add_argument("--rows", type=int, required=True, help="rows of a file")
    parser.add_argument("--outside", type=float, required=True, help="processor seconds without")
    parser.add_argument("--inside", type=float, required=True, help="and with the archive's lock")
    parser.add_argument("--width", type=float, default=2.0, help="cores that one import can use")
    asked = parser.parse_args()
    costs = Costs(asked.rows, asked.outside, asked.inside, asked.width)
    print("workers " + "".join(f"{cores:>4} cores" for cores in (2, 4, 8, 16)))
    for workers in (1, 2, 3, 4, 6, 8):
        rates = [rows_per_second(costs, workers=workers, cores=cores) for cores in (2, 4, 8, 16)]
        print(f"{workers:>7} " + "".join(f"{rate:>10,.0f}" for rate in rates))


if __name__ == "__main__":
    main()
