"""`python -m bench [NAME …]`: runs the measurements and prints a table of each."""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import memory

MEASUREMENTS: dict[str, Callable[[Path], list[tuple[str, str, str, str]]]] = {"memory": memory.measure}


def main(names: list[str]) -> None:
    for name in names or list(MEASUREMENTS):
        # Beside the checkout and not in the system's folder, which may be kept in memory.
        with tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder:
            rows = MEASUREMENTS[name](Path(folder))
        print(f"| {name} | small | large | ratio |\n|---|---|---|---|")
        for row in rows:
            print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main(sys.argv[1:])
