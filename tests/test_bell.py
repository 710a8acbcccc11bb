"""The bell wakes waiting processes at once, and never gets in the way."""

import os
import stat
import time
from pathlib import Path
from threading import Thread

import pytest

from glyphd.bell import Bell

LONG_SECONDS = 30.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bell"


def _seconds_of_waiting(bell: Bell, seconds: float = LONG_SECONDS) -> float:
    began = time.monotonic()
    bell.wait(seconds)
    return time.monotonic() - began


def test_who_waits_is_woken(path: Path) -> None:
    bell = Bell(path)
    bell.wait(0)
    waiting = Thread(target=bell.wait, args=(LONG_SECONDS,))
    waiting.start()
    Bell(path).ring()
    waiting.join(LONG_SECONDS / 2)
    assert not waiting.is_alive()


def test_a_ring_before_the_wait_counts_once(path: Path) -> None:
    bell = Bell(path)
    bell.wait(0)
    for _ in range(3):
        Bell(path).ring()
    assert _seconds_of_waiting(bell) < LONG_SECONDS / 2
    assert _seconds_of_waiting(bell, 0.05) >= 0.05


def test_nobody_need_be_there(path: Path, tmp_path: Path) -> None:
    Bell(path).ring()
    assert not path.exists()
    Bell(tmp_path / "nowhere" / "bell").ring()


def test_only_its_owner_may_ring(path: Path) -> None:
    Bell(path).wait(0)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("place", ["file", "nowhere/bell"])
def test_where_there_can_be_no_pipe_it_only_waits(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    bell = Bell(tmp_path / place)
    Bell(tmp_path / place).ring()
    assert _seconds_of_waiting(bell, 0.05) >= 0.05
    assert (tmp_path / "file").read_bytes() == b"mine"


def test_a_bell_that_nobody_answers_holds_up_nobody(path: Path) -> None:
    os.mkfifo(path)
    Bell(path).ring()
    silent = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    for _ in range(70_000):
        Bell(path).ring()
    os.close(silent)
