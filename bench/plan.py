"""How a run is made: its sizes, its rounds, the folder for its files, and the files that several
benchmarks share."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.data import write_offers
from bench.service import running_service

MARKET_ROWS = 1_000_000
LEAST_ROWS = 1000


@dataclass(frozen=True)
class Plan:
    """`scale` shrinks every size; `repeat` is how many rounds each comparison has, None: what it
    finds right."""

    folder: Path
    images: Path
    scale: float = 1.0
    repeat: int | None = None

    @property
    def is_full(self) -> bool:
        """Whether the figures mean anything."""
        return self.scale == 1

    def size(self, full: int, *, least: int = 1) -> int:
        """A number of rows, bytes or seconds, to scale."""
        return max(min(least, full), round(full * self.scale))

    def rows(self, full: int) -> int:
        return self.size(full, least=LEAST_ROWS)

    def rounds(self, usual: int) -> range:
        """How often each side has its turn; a trial makes do with a third."""
        return range(self.repeat or (usual if self.is_full else max(1, usual // 3)))

    def offers(self, full: int, *, edition: int = 0) -> Path:
        """A CSV of so many rows, to scale, made once in a run."""
        count = self.rows(full)
        path = self.folder / f"offers-{count}-{edition}.csv"
        return path if path.exists() else write_offers(path, count, edition=edition)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A new folder that is gone when the block ends."""
        with TemporaryDirectory(prefix="scratch-", dir=self.folder) as name:
            yield Path(name)

    @contextmanager
    def market(self, full: int = MARKET_ROWS) -> Iterator[Path]:
        """A copy of a data folder that holds one import of so many rows, to scale; made once in a
        run."""
        ready = self.folder / f"market-{self.rows(full)}"
        if not ready.exists():
            with self.scratch() as folder:
                with running_service(folder / "data") as service:
                    service.take_in(self.offers(full))
                (folder / "data").rename(ready)
        with self.scratch() as folder:
            shutil.copytree(ready, folder / "data", ignore=shutil.ignore_patterns("*.bell"))
            yield folder / "data"
