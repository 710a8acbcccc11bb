"""`python -m bench [NAME …]`: runs the benchmarks, prints a table for each, and writes it to
docs/BENCHMARKS.md."""

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CalledProcessError
from tempfile import TemporaryDirectory

from bench import machine
from bench.client import Refused
from bench.peers import Missing
from bench.plan import Plan
from bench.registry import BENCHMARKS
from bench.report import Circumstances, as_text, write_section
from bench.samples import Result

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "BENCHMARKS.md"


def main() -> int:
    """Returns 0 if everything was measured and every limit was met; with a scale, limits don't
    count."""
    options = _options()
    try:
        circumstances = Circumstances(
            _command(options), f"{datetime.now(UTC):%Y-%m-%d}", machine.describe()
        )
    except Missing as missing:
        sys.exit(f"bench: {missing}")
    print(circumstances.machine)
    # In the current folder, because the system's temporary folder may be in memory.
    with TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as name:
        folder = Path(name)
        plan = Plan(
            folder, DOCS / "images" if options.scale == 1 else folder, options.scale, options.repeat
        )
        return max([_run(name, plan, circumstances) for name in options.names or BENCHMARKS])


def _run(name: str, plan: Plan, circumstances: Circumstances) -> int:
    """Returns the exit code. A benchmark that fails does not stop the others."""
    began = time.monotonic()
    try:
        results = BENCHMARKS[name](plan)
    except (AssertionError, CalledProcessError, Missing, OSError, Refused) as error:
        print(f"\n{name}: not measured: {str(error) or type(error).__name__}", flush=True)
        return 1
    print(f"\n{name}, {time.monotonic() - began:.0f} s\n{as_text(results)}", flush=True)
    if not plan.is_full:
        return 0
    write_section(PAGE, name, results, circumstances)
    return int(not _all_kept(results))


def _all_kept(results: Sequence[Result]) -> bool:
    return all(result.ok for result in results)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"benchmarks to run, of {', '.join(BENCHMARKS)}; default: all",
    )
    parser.add_argument(
        "--scale",
        type=float,
        default=1.0,
        help="factor for all sizes; a scaled run doesn't write to the docs",
    )
    parser.add_argument("--repeat", type=int, help="number of rounds of each comparison")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        known = ", ".join(BENCHMARKS)
        parser.error(f"no such benchmark: {', '.join(unknown)}; choose from {known}")
    return options


def _command(options: argparse.Namespace) -> str:
    """The `make` command that repeats this run."""
    only = f' ONLY="{" ".join(options.names)}"' if options.names else ""
    return f"make bench{only}" + (f" REPEAT={options.repeat}" if options.repeat else "")


if __name__ == "__main__":
    sys.exit(main())
