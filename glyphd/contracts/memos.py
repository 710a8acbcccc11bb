"""Caches a function's results: most columns of a file repeat a few values."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

MOST_REMEMBERED = 4096
"""How many values of one column are cached. A file can have any number of them, and memory must
stay constant."""


class Memo(dict[Any, Any]):
    """`memo[value]` is `function(value)`, computed once; after that it is as fast as a dictionary.
    `column` maps whole columns: value by value as long as that pays, then through `all_at_once`."""

    def __init__(
        self,
        function: Callable[[Any], Any],
        all_at_once: Callable[[Sequence[Any]], list[Any]] | None = None,
    ) -> None:
        super().__init__()
        self._function = function
        self._all_at_once = all_at_once or (lambda column: list(map(function, column)))
        self._is_repeated = True

    def __missing__(self, value: Hashable) -> Any:
        found = self._function(value)
        if len(self) < MOST_REMEMBERED:
            self[value] = found
        return found

    def column(self, values: Sequence[Any]) -> list[Any]:
        if not self._is_repeated:
            return self._all_at_once(values)
        known = len(self)
        found = list(map(self.__getitem__, values))
        if (len(self) - known) * 8 > len(values) * 7 or len(self) >= MOST_REMEMBERED:
            self._is_repeated = False
            self.clear()
        return found
