"""Reading a kept file: its rows one by one, or checked in chunks that memory can hold. Whoever reads one reads it here.

A file is read the same way for the import, for the report of its rows, for the proof of one, and to verify them all.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from typing import BinaryIO, NamedTuple

from glyphd.contracts.row_errors import RowError
from glyphd.db.registry_models import Job
from glyphd.importing.blocks import PLAIN_ENCODINGS, Blocks
from glyphd.importing.columns import ColumnCheck
from glyphd.importing.csv_rows import CsvRows
from glyphd.importing.encodings import DEFAULT_ENCODING
from glyphd.importing.intake import GZIP, NDJSON
from glyphd.importing.json_rows import JsonRows
from glyphd.importing.kept_files import GoOn, carry_on, open_kept
from glyphd.importing.lines import LineSource, PhysicalLines
from glyphd.importing.rows import Row
from glyphd.importing.validation import row_check
from glyphd.settings import Settings
from glyphd.storage.staging import StagedColumns, by_column
from glyphd.uploads import UploadStore

CHUNK_ROWS = 1000
"""Rows checked at a time, unless they are long ones."""

CHUNK_BYTES = 2 << 20
"""Bytes of rows held at a time: a thousand rows of a line each may be a gigabyte."""

Rows = CsvRows | JsonRows


class Checked(NamedTuple):
    """A chunk of rows: how many, those that the archive may take, and what is wrong with each of the others."""

    rows_read: int
    accepted: StagedColumns
    refused: list[list[RowError]]

    @property
    def accepted_count(self) -> int:
        return self.rows_read - len(self.refused)


class KeptRows:
    """The rows of an open kept file, to be read once: `rows` one by one, or `checked` in chunks."""

    def __init__(self, kept: BinaryIO, unpacked: BufferedReader, job: Job, settings: Settings) -> None:
        self.check = row_check(job.received_at)
        self._kept = kept
        self._unpacked = unpacked
        self._lines = lines_of(unpacked, job, max_bytes=settings.max_line_bytes)
        self._counts_lines = job.content_encoding != GZIP and job.content_type != NDJSON
        self._blocks: Blocks | None = None
        self.rows: Rows = JsonRows(unpacked)
        if job.content_type != NDJSON:
            delimiter = str(job.delimiter)
            self.rows = rows = CsvRows(self._lines, delimiter, max_columns=settings.max_columns)
            self._by_column = ColumnCheck(rows.header, job.received_at)
            if self._lines.encoding in PLAIN_ENCODINGS:
                self._blocks = Blocks(unpacked, self._lines, rows, delimiter=delimiter)

    @property
    def ignored_columns(self) -> list[str]:
        """The file's columns met so far that nobody knows."""
        return self.rows.ignored_columns

    @property
    def bytes_read(self) -> int:
        """Bytes of the upload read so far: packed ones for gzip."""
        return self._lines.offset if self._counts_lines else self._kept.tell()

    def checked(self) -> Iterator[Checked]:
        """All rows, in order, in chunks that memory can hold: plain ones block by block, the others one by one."""
        rows = iter(self.rows)
        if self._blocks is None:
            yield from map(self._one_by_one, in_chunks(rows))
            return
        while self._unpacked.peek(1):
            block = self._blocks.look()
            values = self._by_column(block.cells) if block.cells else None
            if values is None:
                yield from map(self._one_by_one, in_chunks(self._until(self._lines.offset + block.size, rows)))
            else:
                self._blocks.take(block)
                yield Checked(block.count, {**block.places, **values}, [])

    def _until(self, offset: int, rows: Iterator[Row]) -> Iterator[Row]:
        """At least one row, if there is one, and those that begin before an offset."""
        for row in rows:
            yield row
            if self._lines.offset >= offset:
                return

    def _one_by_one(self, chunk: list[Row]) -> Checked:
        found = [self.check(row) for row in chunk]
        accepted = [row for row in found if isinstance(row, tuple)]
        return Checked(len(found), by_column(accepted), [errors for errors in found if isinstance(errors, list)])


@contextmanager
def read_kept(uploads: UploadStore, job: Job, *, settings: Settings, go_on: GoOn = carry_on) -> Iterator[KeptRows]:
    """The kept file of an import, open to be read as the import's options say.

    Raises SourceMissing when it is gone, and UnreadableFile, here or later, from where its rows can't be told apart.
    """
    limit = settings.max_unpacked_bytes
    with open_kept(uploads, job, max_unpacked_bytes=limit, go_on=go_on) as (kept, unpacked):
        yield KeptRows(kept, unpacked, job, settings)


def lines_of(source: LineSource, job: Job, *, max_bytes: int) -> PhysicalLines:
    """The lines of a file in the import's encoding."""
    return PhysicalLines(source, encoding=job.encoding or DEFAULT_ENCODING, max_bytes=max_bytes)


def in_chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """The rows in lists of at most CHUNK_ROWS; a list ends with the row that makes it CHUNK_BYTES or more."""
    chunk: list[Row] = []
    size = 0
    for row in rows:
        chunk.append(row)
        size += row.place.length
        if size >= CHUNK_BYTES or len(chunk) == CHUNK_ROWS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
