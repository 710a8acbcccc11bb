"""A server as a process of the tests, which can be started, frozen, killed, and restarted. The base
of SeaweedFS, Redis, PgBouncer and PostgreSQL."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

START_SECONDS = 60
LOOK_SECONDS = 0.02
PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
_WITH_SBIN = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


class ServerProcess(ABC):
    """One server with a folder for its log and its data. It ends when the thread that started it
    does."""

    last_signal = signal.SIGKILL
    """The signal that it gets when that thread has ended."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """The command that starts it."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it is ready for use."""

    def owner(self) -> dict[str, Any]:
        """The options of `Popen` that start it as another user."""
        return {}

    def start(self, *options: str) -> None:
        """Starts it, and returns when it answers. Raises RuntimeError with the end of its log if it
        ends or takes too long."""
        log = self.folder / "log"
        with log.open("ab") as opened:
            # In its own session: otherwise Ctrl-C would stop it before the tests have released it.
            self._process = process = subprocess.Popen(
                [*self.command(), *options],
                stdout=opened,
                stderr=opened,
                cwd=self.folder,
                start_new_session=True,
                preexec_fn=self._end_with_parent,  # noqa: PLW1509 - it makes one system call
                **self.owner(),
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start: {log.read_text()[-2000:]}")
            time.sleep(LOOK_SECONDS)

    def stop(self, number: signal.Signals) -> None:
        """Ends it with a signal; does nothing if it does not run."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None

    def kill(self) -> None:
        """`kill -9`; does nothing if it does not run."""
        self.stop(signal.SIGKILL)

    def freeze(self) -> None:
        """From now on it accepts connections, but does not answer."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        process = psutil.Process(self._process.pid)
        while process.status() != psutil.STATUS_STOPPED:  # on another core it runs on for a moment
            time.sleep(LOOK_SECONDS)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The server is frozen during the block."""
        self.freeze()
        try:
            yield
        finally:
            self.thaw()

    @contextmanager
    def down(self) -> Iterator[None]:
        """The server is down during the block, and restarted with the data it has kept."""
        self.kill()
        try:
            yield
        finally:
            self.start()

    def _end_with_parent(self) -> None:
        _LIBC.prctl(PR_SET_PDEATHSIG, self.last_signal)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def installed(program: str, package: str | None = None) -> str:
    """The path of a program from a Debian package. If it is missing, the test is skipped, and fails
    in CI."""
    path = shutil.which(program, path=_WITH_SBIN)
    if path is None:
        missing = f"{program} is not installed (Debian: apt-get install {package or program})"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return path
