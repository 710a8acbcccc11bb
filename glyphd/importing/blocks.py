"""Parses blocks of plain lines, each of which is a record.

A block with anything unusual is not parsed: a NUL, a stray carriage return, a line that is too long
or can't be decoded, a cell that spans several lines, a row with too many cells or without a filled
one, a quote that is not closed. Such a block is not consumed; `CsvRows` reads its rows
individually.
"""

import csv
from collections.abc import Sequence
from io import BufferedReader
from itertools import accumulate

from glyphd.contracts.column_checks import Chunk
from glyphd.contracts.texts import is_blank, trimmed
from glyphd.importing.csv_rows import CsvRows, read_records
from glyphd.importing.lines import PhysicalLines

BLOCK_BYTES = 256 * 1024
PLAIN_ENCODINGS = frozenset({"utf-8", "ascii", "iso8859-1", "cp1252"})
"""Encodings in which decoding a block is the same as decoding its lines."""


class Blocks:
    """Reads blocks from the source of `lines` and `rows`, and advances both."""

    def __init__(
        self, source: BufferedReader, lines: PhysicalLines, rows: CsvRows, *, delimiter: str
    ) -> None:
        self._source = source
        self._lines = lines
        self._rows = rows
        self._delimiter = delimiter
        self._width = len(rows.header.names)
        self._never_empty = rows.header.positions.get("model", 0)

    def take(self) -> Chunk | int:
        """The next rows, if they are plain. Else the number of bytes up to the block's end, which
        are not consumed; 0 if no line ends within reach."""
        # 1. Whole lines, each short enough.
        raw = self._source.peek(1)[:BLOCK_BYTES]
        raw = raw[: raw.rfind(b"\n") + 1]
        if not raw or b"\0" in raw or raw.count(b"\r") != raw.count(b"\r\n"):
            return len(raw)
        lengths = [len(line) + 1 for line in raw[:-1].split(b"\n")]
        if max(lengths) > self._lines.max_bytes:
            return len(raw)
        # 2. Each line is a record with as many cells as the header.
        try:
            text = raw[:-1].decode(self._lines.encoding)
            records = list(read_records(text.split("\n"), self._delimiter))
        except (UnicodeDecodeError, csv.Error):
            return len(raw)
        if len(records) != len(lengths) or {*map(len, records)} != {self._width}:
            return len(raw)
        # 3. None of them is blank: examined more closely only if the model, which is required, is
        # empty.
        columns: list[tuple[str, ...]] = list(zip(*records, strict=True))
        models = columns[self._never_empty]
        has_every_model = all(map(str.strip if "".join(models).isascii() else trimmed, models))
        if not has_every_model and any(map(is_blank, records)):
            return len(raw)
        # 4. Consume the block.
        count = len(records)
        number, line = self._rows.number + 1, self._lines.number + 1
        places: dict[str, Sequence[int]] = {
            "import_index": range(number, number + count),
            "line": range(line, line + count),
            "byte_offset": list(accumulate(lengths[:-1], initial=self._lines.offset)),
            "byte_length": lengths,
        }
        self._source.read(len(raw))
        self._lines.number += count
        self._lines.offset += len(raw)
        self._rows.number += count
        return Chunk(places, columns)
