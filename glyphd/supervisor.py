"""Keeps child processes running, the worker and API processes: each is restarted when it dies."""

import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from glyphd.worker_package import python

WORKER_COMMAND = (*python(), "-m", "glyphd", "worker", "--stop-with-parent")
# A worker's exit code for a configuration that it can't run with: a wrong setting, an old schema.
# Trying again would not help.
MISCONFIGURED = 2

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Backoff:
    """Seconds until a dead child is restarted: doubled each time, and reset after it ran for a
    while."""

    first: float = 1
    longest: float = 30
    settled_after: float = 60

    def next(self, last: float | None, lived: float) -> float:
        """The delay after a child that ran for this time; `last` is the previous delay."""
        if last is None or lived >= self.settled_after:
            return self.first
        return min(last * 2, self.longest)


def _nothing() -> None:
    return


@dataclass(frozen=True)
class Child:
    """How a child process is started. Log events begin with its `kind`, and have its `facts`.

    `descriptors` are open in the child under the same numbers. `is_final(exit_code)` says that it
    is not to be restarted. `on_end` is called after each end, before it is restarted.
    """

    kind: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    descriptors: tuple[int, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)
    is_final: Callable[[int], bool] = lambda _exit_code: False
    on_end: Callable[[], None] = _nothing


def worker_in(environment: Mapping[str, str]) -> Child:
    """A worker with the settings in this environment. An exit with 2 is final: it is
    misconfigured."""
    return Child("worker", WORKER_COMMAND, environment, is_final=lambda code: code == MISCONFIGURED)


class ChildSupervisor:
    """One child process.

    The child's stdin is a pipe that nobody writes to: when this process ends for any reason, the
    child reads the end of the pipe and stops.
    """

    def __init__(self, child: Child, backoff: Backoff | None = None) -> None:
        self._child = child
        self._backoff = backoff or Backoff()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(
            target=self._supervise, name=f"{child.kind}-supervisor", daemon=True
        )

    def start(self) -> None:
        """Starts the child and the thread that watches it. Call it only once."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """The child gets SIGTERM, and is not restarted."""
        self._stopping.set()
        with self._lock:  # a child that is being started at this moment must be stopped too
            if self._process is not None:
                self._process.terminate()

    def stop(self, timeout: float) -> None:
        """Asks the child to stop, and kills it if it has not ended after `timeout` seconds. A
        second call does nothing."""
        if not self._stopping.is_set():
            self.ask_to_stop()
        if self._thread.ident is None:
            return
        self._thread.join(timeout)
        process = self._process
        if self._thread.is_alive() and process is not None:
            self._log(log.warning, "killed", pid=process.pid, timeout_seconds=timeout)
            process.kill()
            self._thread.join()

    def _supervise(self) -> None:
        delay: float | None = None
        while not self._stopping.is_set():
            started = time.monotonic()
            exit_code = self._run_child()
            self._child.on_end()
            if self._stopping.is_set() or (
                exit_code is not None and self._child.is_final(exit_code)
            ):
                return
            delay = self._backoff.next(delay, time.monotonic() - started)
            self._stopping.wait(delay)

    def _run_child(self) -> int | None:
        """Runs one child until it ends; None if none was started."""
        process = self._launch()
        if process is None:
            return None
        with process:
            exit_code = process.wait()
        if self._stopping.is_set():
            self._log(log.info, "stopped", pid=process.pid, exit_code=exit_code)
        elif self._child.is_final(exit_code):
            self._log(log.error, "abandoned", pid=process.pid, exit_code=exit_code)
        else:
            self._log(log.warning, "exited", pid=process.pid, exit_code=exit_code)
        return exit_code

    def _launch(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._stopping.is_set():
                return None
            try:
                # It has its own process group, because Ctrl-C in a terminal goes to every process
                # of the group, and the child should be stopped only once, from here.
                self._process = subprocess.Popen(
                    self._child.argv,
                    env=self._child.environment,
                    stdin=subprocess.PIPE,
                    pass_fds=self._child.descriptors,
                    process_group=0,
                )
            except OSError as error:
                self._log(log.error, "not_started", reason=error.strerror)
                return None
            self._log(log.info, "started", pid=self._process.pid)
            return self._process

    def _log(self, write: Callable[..., object], what: str, **facts: object) -> None:
        write(f"{self._child.kind}_{what}", **self._child.facts, **facts)
