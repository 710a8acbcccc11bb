"""`python -m tests.fuzz [--seconds N | --runs N] [TARGET…]`: fuzzes each target in a process of its
own."""

import argparse
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.fuzz.seeds import LONGEST, seeds

NAMES = ("headers", "rows", "json_rows", "forms", "queries", "times", "hosts")


def main() -> int:
    """Returns 0 if no target failed. The input of a failure is saved in the current folder."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("targets", nargs="*", default=NAMES)
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("--runs", type=int, default=-1)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.inside:
        _fuzz(asked.targets[0], asked.seconds, asked.runs)
    limits = [f"--seconds={asked.seconds}", f"--runs={asked.runs}", "--inside"]
    commands = [[sys.executable, "-m", "tests.fuzz", target, *limits] for target in asked.targets]
    return max(subprocess.run(command, check=False).returncode for command in commands)


def _fuzz(target: str, seconds: int, runs: int) -> None:
    """Never returns: libFuzzer ends the process."""
    atheris: Any = import_module("atheris")
    with atheris.instrument_imports(include=["glyphd", "tests.fuzz.targets"]):
        found = import_module("tests.fuzz.targets").TARGETS[target]
    with TemporaryDirectory() as folder:
        for number, seed in enumerate(seeds(target)):
            (Path(folder) / str(number)).write_bytes(seed)
        limits = [
            f"-max_total_time={seconds}",
            f"-runs={runs}",
            f"-max_len={LONGEST}",
            "-timeout=10",
        ]
        atheris.Setup(
            [target, folder, *limits, "-seed=1", "-verbosity=0", f"-artifact_prefix={target}-"],
            found,
        )
        atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
