"""The interface of every list, for answers as JSON, as a file or as a page for people."""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic_core import to_json

from glyphd.listings.cursors import write_cursor

MOST_PAGE_BYTES = 8 * 1024 * 1024
"""A page ends soon after this much text, regardless of its limit: a row may have more than a
hundred kilobytes."""

Row = Sequence[Any]
RowStream = Generator[Row, None, None]


@dataclass(frozen=True)
class Page:
    """Some rows, their columns, and the cursor of the next page, if there is one."""

    columns: Sequence[str]
    rows: Sequence[Row]
    next_cursor: str | None

    def objects(self) -> list[dict[str, Any]]:
        """Each row as a dictionary."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class Result(Protocol):
    """One list in one order. If it is read from a database, the caller holds the connection."""

    @property
    def columns(self) -> Sequence[str]: ...

    def page(self, limit: int) -> Page:
        """At most `limit` rows after the cursor of the query. Raises InvalidCursor."""

    def everything(self) -> RowStream:
        """Streams all rows as one snapshot with constant memory; until it is read or closed it
        holds a transaction."""


def cut_page(
    columns: Sequence[str], rows: Iterable[tuple[Sequence[Any], Row]], limit: int, identity: Any
) -> Page:
    """The first rows of a list as a page. Each row comes with its position, for a cursor of the
    query `identity`."""
    taken: list[Row] = []
    last: Sequence[Any] = ()
    size = 0
    for position, row in rows:
        if len(taken) == limit or size >= MOST_PAGE_BYTES:
            return Page(columns, taken, write_cursor(identity, list(last)))
        taken.append(row)
        last = position
        size += len(to_json(row))
    return Page(columns, taken, None)
