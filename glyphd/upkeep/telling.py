"""Lines about a database in which anything may be stored."""

from collections.abc import Iterable, Iterator

from glyphd.db.troubles import PASSING_TROUBLES, UNREADABLE, trouble_of


def until_unreadable(lines: Iterable[str]) -> Iterator[str]:
    """The lines; where what is stored can't be read, a line for that in place of those that would
    follow.

    Raises what a database raises that is busy or out of reach: nothing is known then.
    """
    try:
        yield from lines
    except UNREADABLE as error:
        if trouble_of(error) in PASSING_TROUBLES:
            raise
        yield f"the stored data can't be read any further: {' '.join(str(error).split())}"
