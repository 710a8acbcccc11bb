"""A tiny supervisor: keeps one command running, and restarts it at once after a kill."""

import ctypes
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from threading import Event, Lock, Thread

from glyphd.settings import PREFIX

STOP_SECONDS = 60.0
PAUSE_SECONDS = 0.2
"""The delay before a command that ended by itself is restarted."""

PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)

ORDERLY_EXITS = frozenset({0, -signal.SIGKILL, -signal.SIGTERM})
"""A process that gets a signal before its handlers are set up is ended by the signal."""


class Keeper:
    """One process that is restarted whenever it ends. `exits` counts its exit codes."""

    def __init__(
        self, module: str, *arguments: str, environment: Mapping[str, str], log: Path
    ) -> None:
        self.exits: Counter[int] = Counter()
        self._command = [sys.executable, "-m", module, *arguments]
        self._environment = {**outside_environment(), **environment}
        self._log = log
        self._lock = Lock()
        self._stopping = Event()
        self._popen: subprocess.Popen[bytes] | None = None
        self._thread = Thread(target=self._keep, name=f"keeper of {module}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def pid(self) -> int:
        """The id of the current process."""
        with self._lock:
            assert self._popen is not None
            return self._popen.pid

    def strike(self, number: signal.Signals) -> bool:
        """Sends the signal to the process; False if none is running at the moment."""
        with self._lock:
            if self._popen is None or self._popen.poll() is not None:
                return False
            self._popen.send_signal(number)
            return True

    def stop(self) -> None:
        """Sends SIGTERM and does not restart the process; kills it if it does not end."""
        self._stopping.set()
        self.strike(signal.SIGTERM)
        self._thread.join(STOP_SECONDS)
        if self._thread.is_alive():
            self.strike(signal.SIGKILL)
            self._thread.join()

    def disorderly_exits(self) -> list[int]:
        return [
            code
            for code, count in self.exits.items()
            if code not in ORDERLY_EXITS
            for _ in range(count)
        ]

    def _keep(self) -> None:
        with self._log.open("ab") as log:
            while (popen := self._launch(log.fileno())) is not None:
                code = popen.wait()
                self.exits[code] += 1
                if code not in ORDERLY_EXITS:
                    self._stopping.wait(PAUSE_SECONDS)

    def _launch(self, log: int) -> "subprocess.Popen[bytes] | None":
        with self._lock:
            if self._stopping.is_set():
                return None
            self._popen = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_end_with_keeper,  # noqa: PLW1509 - it makes one system call
            )
            return self._popen


def _end_with_keeper() -> None:
    """The process is killed when the thread that started it ends, so that a killed chaos run leaves
    none behind."""
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def outside_environment() -> dict[str, str]:
    """This process's environment without glyphd's settings, and without coverage, because a killed
    process can't report any."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith((PREFIX, "COVERAGE_"))
    }
