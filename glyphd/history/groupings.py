"""The columns by which listings are grouped: text regardless of ASCII case, null as a value of its
own."""

from collections.abc import Sequence
from typing import Any

from peewee import OP, SQL, Database, Expression, Tuple, fn

from glyphd.contracts.texts import fold_ascii
from glyphd.db.archive_models import ImportBatch, ScoredListing
from glyphd.db.dialects import folded, in_byte_order

_NUMBERS = frozenset({"vram_gb"})
_NO_TEXT, _NO_NUMBER = "", -1
"""The keys of null: no stored text is empty, and no stored number is negative. They come first."""

_ONE_GROUP = "0"


class GroupKeys:
    """Groups of listings by some columns; without columns, one group of all.

    Each column has a key, by which rows are grouped and ordered; a text also has the spelling to
    show, the first one in byte order.
    """

    def __init__(self, database: Database, by: Sequence[str]) -> None:
        self.by = tuple(by)
        self.keys = [f"key_{name}" for name in by] or ["key_of_all"]
        self.shown = [f"shown_{name}" for name in by if name not in _NUMBERS]
        self.kinds = tuple(int if name in _NUMBERS else str for name in by)
        self._database = database

    @property
    def needs_batch(self) -> bool:
        """Whether the batch of each event must be joined."""
        return "source" in self.by

    def columns(self) -> list[Any]:
        """The columns of an observation that a summary needs: keys, then those shown."""
        keys = [self._key(name).alias(f"key_{name}") for name in self.by]
        shown = [
            in_byte_order(self._database, _stored(name)).alias(f"shown_{name}")
            for name in self.by
            if name not in _NUMBERS
        ]
        return [*(keys or [SQL(_ONE_GROUP).alias(self.keys[0])]), *shown]

    def follow(self, key: Sequence[Any], *first: Any) -> Any:
        """Condition: the values `first` and the key of the event's group follow this key."""
        own = [*first, *(self._key(name) for name in self.by)]
        if len(own) == 1:
            return own[0] > key[0]
        return Expression(Tuple(*own), OP.GT, Tuple(*key))

    def values(self, fields: Sequence[Any]) -> list[Any]:
        """The values of the columns, from keys and spellings as they are selected."""
        keys, shown = fields[: len(self.keys)], iter(fields[len(self.keys) :])
        found = zip(self.by, keys, strict=False)
        return [
            (None if key == _NO_NUMBER else key) if name in _NUMBERS else next(shown)
            for name, key in found
        ]

    def key_of(self, values: Sequence[Any]) -> list[Any]:
        """The key of a group, from the values of its columns."""
        return [
            (
                (_NO_NUMBER if value is None else value)
                if name in _NUMBERS
                else fold_ascii(value or _NO_TEXT)
            )
            for name, value in zip(self.by, values, strict=True)
        ]

    @property
    def width(self) -> int:
        """The number of fields that `values` reads."""
        return len(self.keys) + len(self.shown)

    def _key(self, name: str) -> Any:
        if name in _NUMBERS:
            return fn.COALESCE(_stored(name), _NO_NUMBER)
        return fn.COALESCE(folded(self._database, _stored(name)), _NO_TEXT)


def _stored(name: str) -> Any:
    model = ImportBatch if name == "source" else ScoredListing
    return model._meta.columns[name]
