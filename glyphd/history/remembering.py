"""Answers that cost something, kept until the archive changes; each is computed once, however many ask at a time."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass
class _Entry(Generic[Value]):
    """Whoever computes the value holds the lock; who wants it meanwhile waits there."""

    version: str
    lock: Lock = field(default_factory=Lock)
    value: list[Value] = field(default_factory=list)


class Remembered(Generic[Value]):
    """The latest values by their names, `most` at most: the one unused for longest goes first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: OrderedDict[Hashable, _Entry[Value]] = OrderedDict()
        self._lock = Lock()

    def get(self, name: Hashable, version: str, compute: Callable[[], Value]) -> Value:
        """The value of this name and version; one that fails to compute is tried again by the next who asks."""
        entry = self._entry(name, version)
        with entry.lock:
            if not entry.value:
                entry.value.append(compute())
            return entry.value[0]

    def _entry(self, name: Hashable, version: str) -> _Entry[Value]:
        with self._lock:
            entry = self._entries.get(name)
            if entry is None or entry.version != version:
                entry = self._entries[name] = _Entry(version)
            self._entries.move_to_end(name)
            while len(self._entries) > self._most:
                self._entries.popitem(last=False)
            return entry
