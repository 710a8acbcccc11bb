"""Names that are similar to another one, or contain its words."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from difflib import get_close_matches

from glyphd.contracts.texts import fold_ascii

NEAREST = 3
NEIGHBOURS = 1000
_LONGEST_COMPARED = 60
_BETWEEN_WORDS = re.compile(r"[\W_]+")


def near_names(text: str, names: Sequence[str]) -> list[str]:
    """The most similar of these names, the nearest first, whatever their case."""
    compared = {fold_ascii(name)[:_LONGEST_COMPARED]: name for name in names}
    found = get_close_matches(fold_ascii(text)[:_LONGEST_COMPARED], compared, n=NEAREST)
    return [compared[name] for name in found]


def neighbours(text: str, names: Sequence[str]) -> Sequence[str]:
    """The names that are near in the alphabet; the names are sorted alphabetically, ignoring case.
    Comparing all of many names would take long."""
    place = bisect_left(names, fold_ascii(text), key=fold_ascii)
    return names[max(place - NEIGHBOURS, 0) : place + NEIGHBOURS]


def is_among(text: str, names: Sequence[str]) -> bool:
    """Whether one of the names, ordered in the same way, is this text, whatever its case."""
    folded = fold_ascii(text)
    place = bisect_left(names, folded, key=fold_ascii)
    return place < len(names) and fold_ascii(names[place]) == folded


def words_of(text: str) -> list[str]:
    """The words of a name: its runs of letters and digits."""
    return [word for word in _BETWEEN_WORDS.split(text) if word]
