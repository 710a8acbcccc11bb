"""Keeps a worker running beside the API: a child process that is restarted when it dies."""

import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from glyphd.worker_package import python

WORKER_COMMAND = (*python(), "-m", "glyphd", "worker", "--stop-with-parent")
# The worker's exit code for a configuration that it can't run with: a wrong setting, an old schema.
# Trying again would not help.
MISCONFIGURED = 2

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Backoff:
    """Seconds until a dead worker is restarted: doubled each time, and reset after it ran for a
    while."""

    first: float = 1
    longest: float = 30
    settled_after: float = 60

    def next(self, last: float | None, lived: float) -> float:
        """The delay after a worker that ran for this time; `last` is the previous delay."""
        if last is None or lived >= self.settled_after:
            return self.first
        return min(last * 2, self.longest)


class WorkerSupervisor:
    """One worker as a child process, in this environment.

    The child's stdin is a pipe that nobody writes to: when this process ends for any reason, the
    child reads the end of the pipe and stops. An exit with 2 is final: the worker is misconfigured
    and is not restarted.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        argv: Sequence[str] = WORKER_COMMAND,
        backoff: Backoff | None = None,
    ) -> None:
        self._argv = list(argv)
        self._environment = dict(environment)
        self._backoff = backoff or Backoff()
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(
            target=self._supervise, name="worker-supervisor", daemon=True
        )

    def start(self) -> None:
        """Starts the worker and the thread that watches it. To be called only once."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Asks the worker to stop, and kills it if it has not ended after `timeout` seconds. A
        second call does nothing."""
        self._stopping.set()
        with self._lock:  # a worker being started at this moment must hear it too
            child = self._child
        if child is not None:
            child.terminate()
        if self._thread.ident is None:
            return
        self._thread.join(timeout)
        if self._thread.is_alive() and child is not None:
            log.warning("worker_killed", pid=child.pid, timeout_seconds=timeout)
            child.kill()
            self._thread.join()

    def _supervise(self) -> None:
        delay: float | None = None
        while not self._stopping.is_set():
            started = time.monotonic()
            exit_code = self._run_child()
            if self._stopping.is_set() or exit_code == MISCONFIGURED:
                return
            delay = self._backoff.next(delay, time.monotonic() - started)
            self._stopping.wait(delay)

    def _run_child(self) -> int | None:
        """Runs one worker until it ends; None if none was started."""
        child = self._launch()
        if child is None:
            return None
        with child:
            exit_code = child.wait()
        if self._stopping.is_set():
            log.info("worker_stopped", pid=child.pid, exit_code=exit_code)
        elif exit_code == MISCONFIGURED:
            log.error("worker_abandoned", pid=child.pid, exit_code=exit_code)
        else:
            log.warning("worker_exited", pid=child.pid, exit_code=exit_code)
        return exit_code

    def _launch(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._stopping.is_set():
                return None
            try:
                # It has its own process group, because Ctrl-C in a terminal goes to every process
                # of the group, and the worker should be stopped only once, from here.
                self._child = subprocess.Popen(
                    self._argv, env=self._environment, stdin=subprocess.PIPE, process_group=0
                )
            except OSError as error:
                log.error("worker_not_started", reason=error.strerror)
                return None
            log.info("worker_started", pid=self._child.pid)
            return self._child
