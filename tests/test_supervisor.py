"""The supervisor, with small scripts in place of a worker."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from glyphd.supervisor import Backoff, Child, ChildSupervisor, worker_in
from tests.server.wire import wait_until

Supervise = Callable[..., ChildSupervisor]

# Each start is a line with the child's pid.
_STARTED = """
import os, sys
with open(os.environ["STARTS"], "a") as starts:
    print(os.getpid(), file=starts)
"""
DIES = _STARTED + "sys.exit(1)"
MISCONFIGURED = _STARTED + "sys.exit(2)"
WAITS = _STARTED + "sys.stdin.read()"
HEEDS_SIGTERM = """
import os, signal
def stop(*_):
    open(os.environ["STARTS"], "a").write("0\\n")
    os._exit(0)
signal.signal(signal.SIGTERM, stop)
""" + WAITS
IGNORES_SIGTERM = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)" + WAITS


@pytest.fixture
def starts(tmp_path: Path) -> Path:
    return tmp_path / "starts"


@pytest.fixture
def supervise(starts: Path) -> Iterator[Supervise]:
    """Starts a supervisor over a script, with delays that keep the test short."""
    started: list[ChildSupervisor] = []

    def start(script: str, backoff: Backoff | None = None, **values: Any) -> ChildSupervisor:
        child = _worker(script, {**os.environ, "STARTS": str(starts)})
        supervisor = ChildSupervisor(
            replace(child, **values), backoff or Backoff(first=0.01, longest=0.02)
        )
        started.append(supervisor)
        supervisor.start()
        return supervisor

    yield start
    for supervisor in started:
        supervisor.stop(5)


def _worker(script: str, environment: dict[str, str]) -> Child:
    return replace(worker_in(environment), argv=(sys.executable, "-c", script))


def _pids(starts: Path) -> list[int]:
    return [int(line) for line in starts.read_text().splitlines()] if starts.exists() else []


def _is_gone(pid: int) -> bool:
    """Whether the process has ended, even if its exit code has not been collected."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _watching() -> bool:
    return any(thread.name == "worker-supervisor" for thread in threading.enumerate())


def test_the_worker_has_the_environment_it_is_given(supervise: Supervise, starts: Path) -> None:
    supervise(WAITS)
    wait_until(lambda: len(_pids(starts)) == 1)


def test_a_dead_worker_is_started_again(supervise: Supervise, starts: Path) -> None:
    supervise(WAITS)
    wait_until(lambda: len(_pids(starts)) == 1)
    os.kill(_pids(starts)[0], signal.SIGKILL)
    wait_until(lambda: len(_pids(starts)) == 2)


def test_a_worker_that_dies_again_and_again_is_started_again_and_again(
    supervise: Supervise, starts: Path
) -> None:
    supervise(DIES)
    wait_until(lambda: len(_pids(starts)) >= 4)


def test_a_worker_that_can_not_be_started_is_no_end_of_the_supervision(tmp_path: Path) -> None:
    missing = replace(worker_in({}), argv=(str(tmp_path / "missing"),))
    supervisor = ChildSupervisor(missing, Backoff(first=0.01))
    supervisor.start()
    assert _watching()
    supervisor.stop(5)
    assert not _watching()


def test_a_misconfigured_worker_is_not_started_again(supervise: Supervise, starts: Path) -> None:
    supervise(MISCONFIGURED)
    wait_until(lambda: not _watching())
    assert len(_pids(starts)) == 1


def test_what_it_held_is_freed_before_it_is_started_again(
    supervise: Supervise, starts: Path
) -> None:
    seen: list[int] = []
    supervise(DIES, on_end=lambda: seen.append(len(_pids(starts))))
    wait_until(lambda: len(seen) >= 3)
    assert seen[:3] == [1, 2, 3]


def test_the_delay_grows_and_has_a_longest() -> None:
    backoff, delay, delays = Backoff(), None, []
    for _ in range(7):
        delay = backoff.next(delay, lived=0)
        delays.append(delay)
    assert delays == [1, 2, 4, 8, 16, 30, 30]


def test_the_delay_starts_anew_after_a_minute_of_life() -> None:
    assert Backoff().next(16, lived=60) == 1
    assert Backoff().next(16, lived=59) == 30


def test_stopping_is_told_to_the_worker_first(supervise: Supervise, starts: Path) -> None:
    supervisor = supervise(HEEDS_SIGTERM)
    wait_until(lambda: len(_pids(starts)) == 1)
    supervisor.stop(5)
    assert _pids(starts)[-1] == 0


def test_stopping_ends_the_worker_and_starts_no_other(supervise: Supervise, starts: Path) -> None:
    supervisor = supervise(WAITS)
    wait_until(lambda: len(_pids(starts)) == 1)
    supervisor.stop(5)
    assert _is_gone(_pids(starts)[0])
    assert not _watching()
    assert len(_pids(starts)) == 1


def test_stopping_does_not_wait_for_the_next_start(supervise: Supervise, starts: Path) -> None:
    supervisor = supervise(DIES, Backoff(first=60))
    wait_until(lambda: len(_pids(starts)) == 1 and _is_gone(_pids(starts)[0]))
    told = time.monotonic()
    supervisor.stop(5)
    assert time.monotonic() - told < 4


def test_a_worker_that_does_not_stop_is_killed(supervise: Supervise, starts: Path) -> None:
    supervisor = supervise(IGNORES_SIGTERM)
    wait_until(lambda: len(_pids(starts)) == 1)
    supervisor.stop(0.2)
    assert _is_gone(_pids(starts)[0])


def test_stopping_twice_or_before_the_start_does_no_harm(supervise: Supervise) -> None:
    ChildSupervisor(worker_in({})).stop(1)
    supervisor = supervise(WAITS)
    supervisor.stop(5)
    supervisor.stop(5)


def test_ctrl_c_in_the_terminal_does_not_reach_the_worker(
    supervise: Supervise, starts: Path
) -> None:
    supervise(WAITS)
    wait_until(lambda: len(_pids(starts)) == 1)
    assert os.getpgid(_pids(starts)[0]) != os.getpgid(0)


def test_a_worker_whose_parent_is_killed_hears_of_it(starts: Path) -> None:
    parent = textwrap.dedent(f"""
        import os, sys, threading
        from glyphd.supervisor import Child, ChildSupervisor
        argv = (sys.executable, "-c", {WAITS!r})
        ChildSupervisor(Child("worker", argv, os.environ)).start()
        threading.Event().wait()
        """)
    environment = {**os.environ, "STARTS": str(starts)}
    with subprocess.Popen(
        [sys.executable, "-c", parent], env=environment, stdout=subprocess.DEVNULL
    ) as process:
        wait_until(lambda: len(_pids(starts)) == 1)
        process.kill()
    wait_until(lambda: _is_gone(_pids(starts)[0]))
