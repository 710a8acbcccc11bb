"""Caches a function's results: most columns of a file repeat a few values."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

MOST_REMEMBERED = 4096
"""How many values of one column are cached. A file can have any number of them, and memory must
stay constant."""


class Memo(dict[Any, Any]):
    """`memo[value]` is `function(value)`, computed once; after that it is as fast as a dictionary.
    `column` maps whole columns: each value once as long as that pays, then `all_at_once`."""

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
        unknown: list[Any] = []
        if self._is_repeated:
            unknown = [value for value in dict.fromkeys(values) if value not in self]
        if len(unknown) * 8 > len(values) * 7 or len(self) + len(unknown) > MOST_REMEMBERED:
            self._is_repeated = False
            self.clear()
        if not self._is_repeated:
            return self._all_at_once(values)
        if unknown:
            self.update(zip(unknown, self._all_at_once(unknown), strict=True))
        return list(map(self.__getitem__, values))
