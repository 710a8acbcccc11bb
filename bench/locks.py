"""Watches the archive's write lock from outside."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.companions import companion


@dataclass
class Watch:
    """Seconds for which others held the lock, and seconds that the attempts took. Known when the
    watch is over."""

    held_seconds: float = 0
    trying_seconds: float = 0


@contextmanager
def watching(archive: Path) -> Iterator[Watch]:
    """Watches the lock until the block ends."""
    watch = Watch()
    with companion("bench.lock_probe", str(archive)) as findings:
        yield watch
    watch.held_seconds = findings["held_seconds"]
    watch.trying_seconds = findings["trying_seconds"]
