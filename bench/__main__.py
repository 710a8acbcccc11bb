"""`python -m bench [NAME …]`: runs the measurements and prints a table of each."""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import memory, uploads

Rows = list[tuple[str, str, str, str]]
MEASUREMENTS: dict[str, tuple[str, str, Callable[[Path], Rows]]] = {
    "memory": ("small", "large", memory.measure),
    "uploads": ("at rest", "beside a large import", uploads.measure),
}


def main(names: list[str]) -> None:
    for name in names or list(MEASUREMENTS):
        # Beside the checkout and not in the system's folder, which may be kept in memory.
        with tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder:
            first, second, measure = MEASUREMENTS[name]
            rows = measure(Path(folder))
        print(f"| {name} | {first} | {second} | ratio |\n|---|---|---|---|")
        for row in rows:
            print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main(sys.argv[1:])
