"""Blocks of plain lines, each of which is a record: taken apart in one go.

A block with anything odd in it is not taken: a NUL, a stray carriage return, a line that is too long or can't be
decoded, a cell that goes over several lines, a row with too many cells, a quote that is not closed. Nothing is
consumed then, and the rows are read one by one, as `CsvRows` does it.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BufferedReader
from itertools import accumulate

from glyphd.importing.csv_rows import DELIMITERS, CsvRows
from glyphd.importing.lines import PhysicalLines

BLOCK_BYTES = 256 * 1024
PLAIN_ENCODINGS = frozenset({"utf-8", "ascii", "iso8859-1", "cp1252"})
"""Encodings in which a block decodes to what its lines decode to, one after the other."""


@dataclass(frozen=True)
class Block:
    """The next bytes of the file up to a line's end: so many, and their cells by column if they are plain."""

    size: int
    count: int = 0
    places: dict[str, Sequence[int]] = field(default_factory=dict)
    cells: list[tuple[str, ...]] = field(default_factory=list)


class Blocks:
    """Looks ahead in the source that `lines` and `rows` read from, and moves both on."""

    def __init__(self, source: BufferedReader, lines: PhysicalLines, rows: CsvRows, *, delimiter: str) -> None:
        self._source = source
        self._lines = lines
        self._rows = rows
        self._delimiter = DELIMITERS[delimiter]
        self._width = len(rows.header.names)

    def look(self) -> Block:
        """What comes next; of size 0 when no line ends within reach."""
        raw = self._source.peek(1)[:BLOCK_BYTES]
        raw = raw[: raw.rfind(b"\n") + 1]
        if not raw or b"\0" in raw or raw.count(b"\r") != raw.count(b"\r\n"):
            return Block(len(raw))
        lengths = [len(line) + 1 for line in raw[:-1].split(b"\n")]
        records = self._records(raw) if max(lengths) <= self._lines.max_bytes else None
        if records is None or len(records) != len(lengths) or {*map(len, records)} != {self._width}:
            return Block(len(raw))
        count = len(records)
        number, line = self._rows.number + 1, self._lines.number + 1
        places: dict[str, Sequence[int]] = {
            "import_index": range(number, number + count),
            "line": range(line, line + count),
            "byte_offset": list(accumulate(lengths[:-1], initial=self._lines.offset)),
            "byte_length": lengths,
        }
        return Block(len(raw), count, places, list(zip(*records, strict=True)))

    def take(self, block: Block) -> None:
        """Moves on behind a block."""
        self._source.read(block.size)
        self._lines.skip(block.count, block.size)
        self._rows.number += block.count

    def _records(self, raw: bytes) -> list[list[str]] | None:
        try:
            text = raw[:-1].decode(self._lines.encoding)
            return list(csv.reader(text.split("\n"), delimiter=self._delimiter, strict=True))
        except (UnicodeDecodeError, csv.Error):
            return None
