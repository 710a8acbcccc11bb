"""What the reading of a file found that does not block the import."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

SHOWN_LINES = 10
_SHOWN_NAMES = 10

NULL_MARKERS = "null_markers"
TWO_SCORES = "two_scores"
NEARLY_KNOWN_COLUMNS = "nearly_known_columns"

_SENTENCES = {
    NULL_MARKERS: (
        "cells hold a null marker such as N/A and count as empty",
        "leave such cells empty",
    ),
    TWO_SCORES: (
        "rows have both score and final_score: final_score counts, even where it is empty",
        "send one of the two columns",
    ),
    NEARLY_KNOWN_COLUMNS: (
        "unknown columns look like known ones",
        "rename the column, or send map=<known name>:<its name>",
    ),
}
"""Of each warning what is said behind its count, and the hint."""


@dataclass
class Found:
    """How often something was found, the first lines it was found in, and the names of what it was
    found in."""

    count: int = 0
    first_lines: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


class Findings:
    """Collects, in file order, what is worth a warning."""

    def __init__(self) -> None:
        self._found: dict[str, Found] = {}

    def add(self, code: str, count: int, lines: Iterable[int], name: str | None = None) -> None:
        """Counts something once more; `name` is the column it is about."""
        found = self._found.setdefault(code, Found())
        found.count += count
        merged = sorted({*found.first_lines, *lines})
        found.first_lines = merged[:SHOWN_LINES]
        if name is not None and name not in found.names and len(found.names) < _SHOWN_NAMES:
            found.names.append(name)

    def warnings(self) -> list[dict[str, Any]]:
        """What the status says: a list to which whatever finds more appends."""
        return [_warning(code, found) for code, found in self._found.items()]


def _warning(code: str, found: Found) -> dict[str, Any]:
    sentence, hint = _SENTENCES[code]
    names = f": {', '.join(found.names)}" if found.names else ""
    return {
        "code": code,
        "message": f"{found.count} {sentence}{names}",
        "count": found.count,
        "first_lines": found.first_lines,
        "hint": hint,
    }
