"""A wall clock that jumps: `python -m tests.chaos.shifted FILE MODULE …` runs a module under one.

FILE holds the seconds to add to the true time. It is read at every use of the clock, so the clock
jumps when somebody writes to it. The clock is replaced before glyphd is imported; the monotonic
clock is not changed.
"""

import datetime
import runpy
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peewee  # noqa: F401  # makes SQLite know the original class before it is replaced

_true_time = time.time
_TrueDatetime = datetime.datetime


class _AnyDatetime(type):
    """Every datetime counts as an instance, including those that C code creates."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _TrueDatetime)


def shifted_datetime(now: Callable[[], float]) -> Any:
    """The class `datetime` with another current time."""

    class ShiftedDatetime(_TrueDatetime, metaclass=_AnyDatetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            return _TrueDatetime.fromtimestamp(now(), tz)

        @classmethod
        def utcnow(cls) -> Any:
            return _TrueDatetime.fromtimestamp(now(), datetime.UTC).replace(tzinfo=None)

    return ShiftedDatetime


def main(file: Path, module: str, arguments: list[str]) -> None:
    def now() -> float:
        return _true_time() + float(file.read_text() or 0)

    time.time = now
    datetime.datetime = shifted_datetime(now)  # type: ignore[misc]
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
