"""How far a file is: two bars on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
)

from glyphd_client.outcomes import printable
from glyphd_client.statuses import ImportStatus

SECONDS_BETWEEN_LINES = 10.0
NARROW_COLUMNS = 60
MEGABYTE = 1_000_000


class ProgressView(Protocol):
    """What shows the progress of one file."""

    def sent(self, done: int, total: int) -> None:
        """So many bytes of the file are sent."""

    def imported(self, status: ImportStatus) -> None:
        """The import is that far."""

    def say(self, line: str) -> None:
        """Something happened that is no progress."""


OpenView = Callable[[str], AbstractContextManager[ProgressView]]
"""Opens a view for a file of this name."""


def view_for(console: Console, *, is_quiet: bool) -> OpenView:
    """Bars on a terminal, lines elsewhere, nothing if quiet."""
    if is_quiet:
        return lambda _name: _silence(console)
    if console.is_terminal and not console.is_dumb_terminal:
        return lambda name: _bars(console, name)
    return lambda name: _lines(console, name)


class Bars:
    """Two bars that disappear in the end."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress = progress
        self._sent = self._task(name, "sent")
        self._imported: TaskID | None = None

    def sent(self, done: int, total: int) -> None:
        self._progress.update(
            self._sent, completed=done, total=max(total, 1), detail=_megabytes(done, total)
        )

    def imported(self, status: ImportStatus) -> None:
        if self._imported is None:
            self._imported = self._task("", "imported")
        # A waiting import has no known end yet: the bar pulses.
        total = None if status.status == "queued" else 1.0
        self._progress.update(
            self._imported, completed=status.progress, total=total, detail=_state(status)
        )

    def say(self, line: str) -> None:
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _task(self, name: str, what: str) -> TaskID:
        return self._progress.add_task(what, total=None, name=name, detail="")


class Lines:
    """Plain lines, at most one every ten seconds."""

    def __init__(self, console: Console, name: str) -> None:
        self._console = console
        self._name = name
        self._next_at = time.monotonic() + SECONDS_BETWEEN_LINES

    def sent(self, done: int, total: int) -> None:
        if self._is_due():
            self.say(f"{self._name}: sent {_megabytes(done, total)}")

    def imported(self, status: ImportStatus) -> None:
        if not status.is_final and self._is_due():
            self.say(f"{self._name}: {_state(status)}, {status.progress:.0%} done")

    def say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _is_due(self) -> bool:
        now = time.monotonic()
        if now < self._next_at:
            return False
        self._next_at = now + SECONDS_BETWEEN_LINES
        return True


class Silence(Lines):
    """Only what is no progress."""

    def _is_due(self) -> bool:
        return False


@contextmanager
def _bars(console: Console, name: str) -> Iterator[ProgressView]:
    columns: list[ProgressColumn] = [
        TextColumn("{task.fields[name]}", markup=False),
        TextColumn("{task.description}", markup=False, justify="right"),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
    ]
    if console.width >= NARROW_COLUMNS:
        columns.append(TextColumn("{task.fields[detail]}", markup=False))
    with Progress(*columns, console=console, transient=True, expand=True) as progress:
        yield Bars(progress, shortened(name, console.width // 3))


@contextmanager
def _lines(console: Console, name: str) -> Iterator[ProgressView]:
    yield Lines(console, printable(name))


@contextmanager
def _silence(console: Console) -> Iterator[ProgressView]:
    yield Silence(console, "")


def shortened(name: str, width: int) -> str:
    """The name, its middle left out if it is longer than this."""
    text = printable(name)
    if len(text) <= width:
        return text
    head = max(width // 2 - 2, 1)
    return f"{text[:head]}...{text[len(text) - max(width - head - 3, 1):]}"


def _megabytes(done: int, total: int) -> str:
    return f"{done / MEGABYTE:.1f} of {total / MEGABYTE:.1f} MB"


def _state(status: ImportStatus) -> str:
    if status.reason is not None:
        return f"waits: {printable(status.reason)}"
    if status.stalled:
        return "stalled"
    return status.phase or status.status
