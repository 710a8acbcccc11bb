"""Parts of the documents, for tests: sections, tables and code."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
CODE = re.compile(r"`([^`]+)`")
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def section(document: str, heading: str) -> str:
    """The text under a heading, without its subsections."""
    text = (ROOT / document).read_text()
    _, found, rest = text.partition(f"\n## {heading}\n")
    if not found:
        _, found, rest = text.partition(f"\n### {heading}\n")
    assert found, f"{document} has no heading {heading!r}"
    return re.split(r"^##", rest, maxsplit=1, flags=re.MULTILINE)[0]


def tables(text: str) -> Iterator[list[list[str]]]:
    """The rows of each table, as cells, without the header."""
    for block in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        lines = [re.split(r"(?<!\\)\|", line.strip("|\n ")) for line in block.splitlines()]
        yield [[cell.strip() for cell in line] for line in lines[2:]]


def first_cells(text: str, number: int = 0) -> list[str]:
    """The words marked as code in the first column of a section's table."""
    return [word for row in list(tables(text))[number] for word in CODE.findall(row[0])]


def fenced(document: str, language: str) -> list[str]:
    """The code blocks in this language."""
    return [
        text for kind, text in FENCED.findall((ROOT / document).read_text()) if kind == language
    ]
