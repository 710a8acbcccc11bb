"""Lines about a database with arbitrary, possibly damaged contents."""

from collections.abc import Iterable, Iterator

from glyphd.db.troubles import PASSING_TROUBLES, UNREADABLE, trouble_of


def until_unreadable(lines: Iterable[str]) -> Iterator[str]:
    """The lines; if stored data can't be read, a line about that replaces the rest.

    Raises the error of a database that is busy or unreachable.
    """
    try:
        yield from lines
    except UNREADABLE as error:
        if trouble_of(error) in PASSING_TROUBLES:
            raise
        yield f"the stored data can't be read any further: {' '.join(str(error).split())}"
