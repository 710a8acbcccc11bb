"""Reading the archive for one answer."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from peewee import Database

from glyphd.contracts.queries import PageQuery
from glyphd.db.dialects import snapshot


@contextmanager
def reading(archive: Database, asked: PageQuery | None = None) -> Iterator[None]:
    """A connection to the archive. For a whole list it is in one transaction: its entity tag names
    exactly the state that its rows are read from, whatever is committed meanwhile."""
    is_whole = asked is None or asked.limit is None
    with archive.connection_context(), snapshot(archive) if is_whole else nullcontext():
        yield
