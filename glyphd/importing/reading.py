"""Reads a kept file: its rows individually, or checked in chunks that fit into memory.

All readers of kept files use this module, so that a file is read in the same way for the import,
for its report, for the source of a row, and for `verify`.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from typing import Any, BinaryIO

from glyphd.contracts.column_checks import CheckOptions
from glyphd.contracts.column_names import nearly_known
from glyphd.contracts.columns import COLUMN_NAMES, columns_of
from glyphd.contracts.findings import NEARLY_KNOWN_COLUMNS, Findings
from glyphd.contracts.object_cells import OBJECT_HEADER
from glyphd.db.registry_models import Job
from glyphd.errors import UnreadableFile
from glyphd.importing.blocks import PLAIN_ENCODINGS, Blocks
from glyphd.importing.csv_rows import CsvRows
from glyphd.importing.file_rows import Row, shown_name
from glyphd.importing.intake import GZIP
from glyphd.importing.job_options import NDJSON
from glyphd.importing.json_rows import JsonRows
from glyphd.importing.kept_files import GoOn, carry_on, open_kept
from glyphd.importing.layouts import layout_of
from glyphd.importing.lines import PhysicalLines
from glyphd.importing.validation import Checked, RowCheck
from glyphd.settings import Settings
from glyphd.uploads import UploadStore

CHUNK_ROWS = 1000
"""Rows checked at a time, unless they are long."""

CHUNK_BYTES = 2 << 20
"""Bytes of rows held at a time: a thousand rows of a line each may be a gigabyte."""

Rows = CsvRows | JsonRows


class KeptRows:
    """The rows of an open kept file, to be read once: `rows` individually, or `checked` in chunks.

    `check` takes individually read rows. No row may have been seen later than `latest_seen_at`,
    unless that is None.
    """

    def __init__(
        self,
        kept: BinaryIO,
        unpacked: BufferedReader,
        job: Job,
        settings: Settings,
        latest_seen_at: str | None = None,
    ) -> None:
        layout = layout_of(job)
        options = CheckOptions(job.received_at, latest_seen_at, layout.has_decimal_comma)
        self._findings = Findings()
        self._kept = kept
        self._unpacked = unpacked
        self._lines = PhysicalLines(
            unpacked, encoding=layout.encoding, max_bytes=settings.max_line_bytes
        )
        self._counts_lines = job.content_encoding != GZIP and job.content_type != NDJSON
        self._blocks: Blocks | None = None
        if job.content_type == NDJSON:
            self.rows: Rows = JsonRows(unpacked, self._findings, columns_of(layout.schema_version))
            self.check = RowCheck(OBJECT_HEADER, options, self._findings)
            return
        self.rows = rows = CsvRows(self._lines, layout, max_columns=settings.max_columns)
        self.check = RowCheck(rows.header, options, self._findings)
        if self._lines.encoding in PLAIN_ENCODINGS:
            self._blocks = Blocks(unpacked, self._lines, rows, delimiter=layout.delimiter)
        if rows.header.unknown:
            for name, near in nearly_known(rows.header, COLUMN_NAMES).items():
                shown = f"{shown_name(name)} ({near})"
                self._findings.add(NEARLY_KNOWN_COLUMNS, 1, [rows.header_line], shown)

    def findings(self) -> dict[str, Any]:
        """The findings so far besides the rows, by their names in the registry. Rows without a
        filled cell are not records, so they are counted only here."""
        return {
            "ignored_columns": self.rows.ignored_columns,
            "blank_rows": self.rows.blank_rows,
            "warnings": self._findings.warnings(),
        }

    @property
    def bytes_read(self) -> int:
        """Bytes of the upload read so far; for gzip, compressed bytes."""
        return self._lines.offset if self._counts_lines else self._kept.tell()

    def checked(self) -> Iterator[Checked]:
        """All rows, in order, in chunks that fit into memory: plain ones block by block, the others
        one by one."""
        if self._blocks is None:
            yield from map(self.check.rows, in_chunks(self.rows))
            return
        while self._unpacked.peek(1):
            block = self._blocks.take()
            if isinstance(block, int):
                rows = self._until(self._lines.offset + block)
                yield from map(self.check.rows, in_chunks(rows))
            else:
                yield self.check.block(block)

    def _until(self, offset: int) -> Iterator[Row]:
        """At least one row, if there is one, and those that begin before an offset."""
        for row in self.rows:
            yield row
            if self._lines.offset >= offset:
                return


@contextmanager
def read_kept(
    uploads: UploadStore,
    job: Job,
    *,
    settings: Settings,
    go_on: GoOn = carry_on,
    latest_seen_at: str | None = None,
) -> Iterator[KeptRows]:
    """The kept file of an import, opened to be read by the import's options.

    Raises SourceMissing if it does not exist, and UnreadableFile, here or later, if its rows can't
    be separated.
    """
    limit = settings.max_unpacked_bytes
    with open_kept(uploads, job, max_unpacked_bytes=limit, go_on=go_on) as (kept, unpacked):
        yield KeptRows(kept, unpacked, job, settings, latest_seen_at)


def in_chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """The rows in lists of at most CHUNK_ROWS; a list ends with the row that makes it CHUNK_BYTES
    or more. Rows before an UnreadableFile are returned before it is raised."""
    chunk: list[Row] = []
    size = 0
    end: UnreadableFile | None = None
    try:
        for row in rows:
            chunk.append(row)
            size += row.place.length
            if size >= CHUNK_BYTES or len(chunk) == CHUNK_ROWS:
                yield chunk
                chunk, size = [], 0
    except UnreadableFile as error:
        end = error
    if chunk:
        yield chunk
    if end is not None:
        raise end
