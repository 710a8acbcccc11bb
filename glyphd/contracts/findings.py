"""What was found while a file was read, and does not block the import."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from glyphd.plurals import counted

SHOWN_LINES = 10
_SHOWN_NAMES = 10

NULL_MARKERS = "null_markers"
TWO_SCORES = "two_scores"
NEARLY_KNOWN_COLUMNS = "nearly_known_columns"

_SENTENCES = {
    NULL_MARKERS: (
        "cell has a null marker such as N/A and is read as empty",
        "cells have a null marker such as N/A and are read as empty",
        "leave such cells empty",
    ),
    TWO_SCORES: (
        "row has both score and final_score: final_score is used, even if it is empty",
        "rows have both score and final_score: final_score is used, even if it is empty",
        "send one of the two columns",
    ),
    NEARLY_KNOWN_COLUMNS: (
        "unknown column looks like a known one",
        "unknown columns look like known ones",
        "rename the column, or send map=<known name>:<its name>",
    ),
}
"""For each warning: what follows the count 1, what follows other counts, and the hint."""


@dataclass
class Found:
    """How often something was found, the first lines that have it, and the names of its columns."""

    count: int = 0
    first_lines: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


class Findings:
    """Collects findings for warnings, in file order."""

    def __init__(self) -> None:
        self._found: dict[str, Found] = {}

    def add(self, code: str, count: int, lines: Iterable[int], name: str | None = None) -> None:
        """Adds to the count of a finding; `name` is its column."""
        found = self._found.setdefault(code, Found())
        found.count += count
        merged = sorted({*found.first_lines, *lines})
        found.first_lines = merged[:SHOWN_LINES]
        if name is not None and name not in found.names and len(found.names) < _SHOWN_NAMES:
            found.names.append(name)

    def warnings(self) -> list[dict[str, Any]]:
        """The warnings for the status, in a new list."""
        return [_warning(code, found) for code, found in self._found.items()]


def _warning(code: str, found: Found) -> dict[str, Any]:
    one, many, hint = _SENTENCES[code]
    names = f": {', '.join(found.names)}" if found.names else ""
    return {
        "code": code,
        "message": f"{counted(found.count, one, many)}{names}",
        "count": found.count,
        "first_lines": found.first_lines,
        "hint": hint,
    }
