"""The report of a kept file: all its rows unchanged, each with its errors, to be corrected and
uploaded again."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

from glyphd.contracts.columns import INPUT_COLUMNS, ROW_SCHEMA_VERSION
from glyphd.contracts.fingerprints import fingerprint
from glyphd.contracts.import_contracts import ImportStatus
from glyphd.contracts.row_rules import IN_THE_FUTURE
from glyphd.db.registry_models import Job
from glyphd.errors import UnreadableFile
from glyphd.importing.csv_rows import REPORT_COLUMNS, CsvRows
from glyphd.importing.file_rows import Row
from glyphd.importing.reading import KeptRows, in_chunks, read_kept
from glyphd.settings import Settings
from glyphd.storage.clock import latest_seen_at
from glyphd.uploads import UploadStore

OK, ERROR, UNREADABLE = "ok", "error", "unreadable"

_READ_BY = (
    "sha256",
    "content_type",
    "content_encoding",
    "encoding",
    "delimiter",
    "column_map",
    "skip_lines",
    "decimal",
)
_LIMITS = {"max_columns", "max_line_bytes", "max_unpacked_bytes"}

Pick = Callable[[Sequence[str]], list[str]]


def report_version(job: Job, settings: Settings) -> str:
    """Equal for equal reports: a fingerprint of the upload's bytes and of everything that affects
    how they are read."""
    how = [*(getattr(job, name) for name in _READ_BY), _latest_seen_at(job)]
    return fingerprint([how, settings.model_dump(include=_LIMITS), ROW_SCHEMA_VERSION])


def _latest_seen_at(job: Job) -> str | None:
    """The bound for `seen_at`; None if the import has ended and refused no row because of it.

    A row must not become an error when it is read again, because the archive's clock at that time
    is no longer known.
    """
    refused = {group["code"] for group in json.loads(job.error_summary)}
    if ImportStatus(job.status).is_final and IN_THE_FUTURE[0] not in refused:
        return None
    return latest_seen_at("", job.received_at)


def write_report(file: BinaryIO, uploads: UploadStore, job: Job, *, settings: Settings) -> None:
    """Writes the report as CSV in UTF-8, with constant memory. Raises SourceMissing if the upload
    does not exist."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    csv.writer(text).writerows(_records(uploads, job, settings))
    text.detach()


def _records(uploads: UploadStore, job: Job, settings: Settings) -> Iterator[list[str]]:
    """The header, then the rows. If the file can't be read further, the last record says why."""
    has_header = False
    try:
        with read_kept(
            uploads, job, settings=settings, latest_seen_at=_latest_seen_at(job)
        ) as kept:
            names = kept.rows.header.names if isinstance(kept.rows, CsvRows) else INPUT_COLUMNS
            pick = _picker(names)
            yield [*REPORT_COLUMNS, *pick(names)]
            has_header = True
            yield from _rows(kept, pick)
    except UnreadableFile as error:
        if not has_header:
            yield [*REPORT_COLUMNS]
        yield [str(error.members.get("line", "")), UNREADABLE, error.detail]


def _rows(kept: KeptRows, pick: Pick) -> Iterator[list[str]]:
    cells: dict[int, list[str]] = {}
    for chunk in in_chunks(_noting_cells(kept, pick, cells)):
        refused = {errors[0].row: errors for errors in kept.check.rows(chunk).refused}
        for row in chunk:
            errors = refused.get(row.place.row, [])
            sentences = "; ".join(error.sentence for error in errors)
            yield [
                str(row.place.line),
                ERROR if errors else OK,
                sentences,
                *cells.pop(row.place.row),
            ]


def _noting_cells(kept: KeptRows, pick: Pick, cells: dict[int, list[str]]) -> Iterator[Row]:
    """The rows, with their original cells, which are available only until the next row is read."""
    for row in kept.rows:
        cells[row.place.row] = pick(kept.rows.cells(row))
        yield row


def _picker(names: Sequence[str]) -> Pick:
    """Leaves out the columns of an earlier report, because the new ones replace them. A line that
    is one cell stays."""
    left_out = {at for at, name in enumerate(names) if name in REPORT_COLUMNS}
    if not left_out:
        return list
    return lambda cells: [
        cell for at, cell in enumerate(cells) if at not in left_out or len(cells) == 1
    ]
