"""Our own processes that run beside a measurement. When their stdin ends, they print what they
found and end."""

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
    """Runs `python -m MODULE` while the block runs; its findings are filled in when it has ended.

    `line` is written to its stdin. After the block, its stdin is closed; a process that doesn't
    wait for that may run until its work is done.
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
