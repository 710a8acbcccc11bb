"""The unknown columns of a CSV, as one JSON object for each row: written by column, from encoded
pieces."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from itertools import zip_longest
from json.encoder import encode_basestring

from pydantic_core import PydanticCustomError

from glyphd.contracts.column_names import HeaderMap, fold
from glyphd.contracts.columns import OWN_COLUMNS
from glyphd.contracts.extras import as_extra, is_empty, read_object, require_small, write_extra
from glyphd.contracts.memos import Memo
from glyphd.contracts.row_rules import MAX_EXTRA_BYTES
from glyphd.contracts.texts import trimmed

_MOST_BYTES_OF_A_CHARACTER = 4

Refuse = Callable[[int, PydanticCustomError], None]
"""Called with the position of a row whose object can't be stored, and the reason."""


_OWN = frozenset(map(fold, OWN_COLUMNS))


def unknown_names(header: HeaderMap) -> dict[int, str]:
    """The positions and names of the unknown columns; the service's own columns are not stored."""
    return {
        at: trimmed(header.names[at]) for at in header.unknown if fold(header.names[at]) not in _OWN
    }


class UnknownColumns:
    """The unknown columns of one file."""

    def __init__(self, header: HeaderMap) -> None:
        names = unknown_names(header)
        self.has_any = bool(names)
        self._members = {
            at: Memo(partial(_member, encode_basestring(name))) for at, name in names.items()
        }

    def __call__(
        self,
        columns: Sequence[Sequence[str]],
        given: Sequence[str],
        words: Sequence[str | None],
        refuse: Refuse,
    ) -> list[str | None] | None:
        """The objects as text, by row; None if no row has one.

        `given` is the column named extra, and `words` are quantities in words of rows whose
        availability is filled; either can be empty.
        """
        members = [member.column(columns[at]) for at, member in self._members.items()]
        objects: list[str | None] = [None] * len(columns[0])
        if members:
            objects = list(map(_object, zip(*members, strict=True)))
            _require_small(objects, refuse)
        for at, (cell, word) in enumerate(zip_longest(given, words, fillvalue="")):
            if trimmed(cell) or word:
                try:
                    objects[at] = _merged(objects[at], cell, word)
                except PydanticCustomError as error:
                    refuse(at, error)
        return objects if any(objects) else None


def _require_small(objects: Sequence[str | None], refuse: Refuse) -> None:
    longest = max(len(text or "") for text in objects)
    if longest * _MOST_BYTES_OF_A_CHARACTER <= MAX_EXTRA_BYTES:
        return
    for at, text in enumerate(objects):
        try:
            require_small(text or "")
        except PydanticCustomError as error:
            refuse(at, error)


def _member(name: str, cell: str) -> str:
    """One member of the object; empty for a cell without visible characters."""
    return f"{name}:{encode_basestring(cell)}" if not is_empty(cell) else ""


def _object(members: Sequence[str]) -> str | None:
    text = ",".join(filter(None, members))
    return f"{{{text}}}" if text else None


def _merged(text: str | None, given: str | None, words: str | None) -> str | None:
    """The object with the members of a cell named extra, and with the quantity in words."""
    known = json.loads(text) if text else {}
    cell = trimmed(given or "")
    value = read_object(cell)
    extra = as_extra(known, cell if value is None else value)
    return write_extra(extra | {"quantity": words} if words else extra)
