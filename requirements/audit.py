"""Asks for known vulnerabilities of the packages in requirements/*.lock; run it as `make audit`.

Exit code 1 when one is found. Where pip-audit can't be installed, or its database can't be reached,
that is printed and is no failure: it says nothing about the packages.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

FOLDER = Path(__file__).parent
HOME = FOLDER.parent / ".tools" / "audit"
OPTIONS = (
    "--require-hashes",
    "--disable-pip",
    "--progress-spinner",
    "off",
    "--timeout",
    "10",
    "--format",
    "json",
)
LONGEST_SECONDS = 300


class NotRun(Exception):
    """Nobody could be asked."""


def main(uv: str) -> int:
    found = 0
    try:
        _install(uv)
        for line in audit([str(HOME / "bin" / "pip-audit")], sorted(FOLDER.glob("*.lock"))):
            print(f"VULNERABLE: {line}")
            found += 1
    except NotRun as reason:
        print(f"pip-audit was NOT RUN to its end, so there may be vulnerabilities: {reason}")
    return 1 if found else 0


def audit(command: Sequence[str], locks: Iterable[Path]) -> Iterator[str]:
    """What is known of the packages in the locks, a line for each finding. Raises NotRun."""
    for lock in locks:
        packages = _ask(command, lock)
        asked = [package for package in packages if "skip_reason" not in package]
        if packages and not asked:
            raise NotRun(f"{lock.name}: {packages[0]['skip_reason']}")
        print(f"{lock.name}: pip-audit knows {len(asked)} of {len(packages)} packages")
        for package in asked:
            yield from (f"{lock.name}: {line}" for line in _findings(package))


def _install(uv: str) -> None:
    for arguments in (
        ("venv", "--quiet", "--clear", "--no-project", "--python", sys.executable, HOME),
        (
            "pip",
            "sync",
            "--quiet",
            "--python",
            HOME / "bin" / "python",
            "--require-hashes",
            FOLDER / "audit.lock",
        ),
    ):
        done = subprocess.run([uv, *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NotRun(f"it can't be installed: {_last_line(done.stderr)}")


def _ask(command: Sequence[str], lock: Path) -> list[dict[str, Any]]:
    """pip-audit ends with 1 for a finding and for trouble alike; only for a finding it writes its
    report."""
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        arguments = [*command, *OPTIONS, "--output", str(report), "--requirement", str(lock)]
        try:
            done = subprocess.run(
                arguments, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise NotRun(f"{lock.name}: no answer in {LONGEST_SECONDS} seconds") from None
        if not report.exists():
            raise NotRun(f"{lock.name}: {_last_line(done.stderr)}")
        packages: list[dict[str, Any]] = json.loads(report.read_text())["dependencies"]
        return packages


def _findings(package: dict[str, Any]) -> Iterator[str]:
    for finding in package["vulns"]:
        cure = ", ".join(finding["fix_versions"]) or "no version"
        yield f"{package['name']} {package['version']}: {finding['id']}, fixed in {cure}"


def _last_line(text: str) -> str:
    return next(reversed(text.strip().splitlines()), "no reason given")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
