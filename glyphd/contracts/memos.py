"""Caches a function's results: most columns of a file repeat a few values."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

MOST_REMEMBERED = 4096
"""How many values of one column are cached. A file can have any number of them, and memory must
stay constant."""


class Memo(dict[Any, Any]):
    """`memo[value]` is `function(value)`, computed once: from the second time on as fast as a
    dictionary."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, value: Hashable) -> Any:
        found = self._function(value)
        if len(self) < MOST_REMEMBERED:
            self[value] = found
        return found


class ColumnMemo:
    """Maps whole columns, value by value through a memo as long as that is faster, then through
    `all_at_once`."""

    def __init__(
        self,
        function: Callable[[Any], Any],
        all_at_once: Callable[[Sequence[Any]], list[Any]] | None = None,
    ) -> None:
        self._memo = Memo(function)
        self._all_at_once = all_at_once or (lambda column: list(map(function, column)))
        self._is_repeated = True

    def __call__(self, column: Sequence[Any]) -> list[Any]:
        if not self._is_repeated:
            return self._all_at_once(column)
        known = len(self._memo)
        found = list(map(self._memo.__getitem__, column))
        if (len(self._memo) - known) * 8 > len(column) * 7 or len(self._memo) >= MOST_REMEMBERED:
            self._is_repeated = False
            self._memo.clear()
        return found
