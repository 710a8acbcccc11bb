"""The command as a user runs it: a process with its streams."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.processes import PATIENCE_SECONDS

GLYPHD_PUSH = str(Path(sys.executable).with_name("glyphd-push"))


@dataclass(frozen=True)
class PushRun:
    """What a run of the command left behind."""

    exit_code: int
    out: str
    err: str

    @property
    def json(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


def environment_for(address: str, **more: str) -> dict[str, str]:
    """The test's own environment, without what a terminal leaves in it."""
    inherited = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    return {**inherited, "GLYPHD_URL": address, "TERM": "xterm-256color", **more}


def run_push(
    address: str, folder: Path, *words: str | Path, stdin: bytes = b"", **environment: str
) -> PushRun:
    done = subprocess.run(
        [GLYPHD_PUSH, *words],
        cwd=folder,
        env=environment_for(address, **environment),
        input=stdin,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return PushRun(done.returncode, done.stdout.decode(), done.stderr.decode())
