"""The plan of a run: its sizes, its rounds, the folder for its files, and the files that several
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
    """`scale` is a factor for every size. `repeat` is the number of rounds of each comparison; if
    it is None, each benchmark uses its own number."""

    folder: Path
    images: Path
    scale: float = 1.0
    repeat: int | None = None

    @property
    def is_full(self) -> bool:
        """Whether this run has full sizes; only then do the figures mean anything."""
        return self.scale == 1

    def size(self, full: int, *, least: int = 1) -> int:
        """A number of rows, bytes or seconds, scaled."""
        return max(min(least, full), round(full * self.scale))

    def rows(self, full: int) -> int:
        return self.size(full, least=LEAST_ROWS)

    def rounds(self, usual: int) -> range:
        """The rounds of a comparison. Without `repeat`, a scaled run has a third of the usual
        number."""
        return range(self.repeat or (usual if self.is_full else max(1, usual // 3)))

    def offers(self, full: int, *, edition: int = 0) -> Path:
        """A CSV with `full` rows, scaled; written once in a run."""
        count = self.rows(full)
        path = self.folder / f"offers-{count}-{edition}.csv"
        return path if path.exists() else write_offers(path, count, edition=edition)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A new folder that is deleted when the block ends."""
        with TemporaryDirectory(prefix="scratch-", dir=self.folder) as name:
            yield Path(name)

    @contextmanager
    def market(self, full: int = MARKET_ROWS) -> Iterator[Path]:
        """A copy of a data folder that contains one import of `full` rows, scaled. The original is
        created once in a run."""
        ready = self.folder / f"market-{self.rows(full)}"
        if not ready.exists():
            with self.scratch() as folder:
                with running_service(folder / "data") as service:
                    service.take_in(self.offers(full))
                (folder / "data").rename(ready)
        with self.scratch() as folder:
            shutil.copytree(ready, folder / "data", ignore=shutil.ignore_patterns("*.bell"))
            yield folder / "data"
