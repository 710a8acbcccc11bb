"""Our own processes that work beside a measurement: they end with their stdin, and tell then what
they found."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


@contextmanager
def companion(module: str, *arguments: str, line: str = "") -> Iterator[dict[str, Any]]:
    """`python -m MODULE` while the block runs; what it found is filled in when it has ended.

    It is given `line` on its stdin; a block that has nothing to do lets it end when it sees fit.
    """
    findings: dict[str, Any] = {}
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as popen:
        assert popen.stdin is not None
        try:
            popen.stdin.write(line)
            popen.stdin.flush()
            yield findings
        except BaseException:
            popen.kill()
            raise
        printed, _ = popen.communicate()
    assert popen.returncode == 0, f"{module} failed"
    findings |= json.loads(printed)
