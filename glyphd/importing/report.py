"""The report of a kept file: all its rows as they are, each with what is wrong with it, to be mended and sent back."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

from glyphd.contracts.fingerprints import fingerprint
from glyphd.contracts.listings import COLUMN_NAMES, ROW_SCHEMA_VERSION
from glyphd.db.registry_models import Job
from glyphd.errors import UnreadableFile
from glyphd.importing.csv_rows import REPORT_COLUMNS, CsvRows
from glyphd.importing.reading import KeptRows, read_kept
from glyphd.settings import Settings
from glyphd.uploads import UploadStore

OK, ERROR, UNREADABLE = "ok", "error", "unreadable"

_READ_BY = ("sha256", "content_type", "content_encoding", "encoding", "delimiter")
_LIMITS = {"max_columns", "max_line_bytes", "max_unpacked_bytes"}

Pick = Callable[[Sequence[str]], list[str]]


def report_version(job: Job, settings: Settings) -> str:
    """Equal for equal reports: a name for the bytes of the upload and for all that decides how they are read."""
    how = [getattr(job, name) for name in _READ_BY]
    return fingerprint([how, settings.model_dump(include=_LIMITS), ROW_SCHEMA_VERSION])


def write_report(file: BinaryIO, uploads: UploadStore, job: Job, *, settings: Settings) -> None:
    """Writes the report as CSV in UTF-8, at flat memory. Raises SourceMissing when the upload is gone."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    csv.writer(text).writerows(_records(uploads, job, settings))
    text.detach()


def _records(uploads: UploadStore, job: Job, settings: Settings) -> Iterator[list[str]]:
    """The header, then the rows. Where the file can't be read on, the last record says why."""
    has_header = False
    try:
        with read_kept(uploads, job, settings=settings) as kept:
            names = kept.rows.header.names if isinstance(kept.rows, CsvRows) else COLUMN_NAMES
            pick = _picker(names)
            yield [*REPORT_COLUMNS, *pick(names)]
            has_header = True
            yield from _rows(kept, pick)
    except UnreadableFile as error:
        if not has_header:
            yield [*REPORT_COLUMNS]
        yield [str(error.members.get("line", "")), UNREADABLE, error.detail]


def _rows(kept: KeptRows, pick: Pick) -> Iterator[list[str]]:
    for row in kept.rows:
        cells = pick(kept.rows.cells(row))
        checked = kept.check(row)
        errors = checked if isinstance(checked, list) else []
        yield [str(row.place.line), ERROR if errors else OK, "; ".join(error.sentence for error in errors), *cells]


def _picker(names: Sequence[str]) -> Pick:
    """Leaves out what an earlier report put in front: the new one takes its place. A line kept as one cell stays."""
    left_out = {at for at, name in enumerate(names) if name in REPORT_COLUMNS}
    if not left_out:
        return list
    return lambda cells: [cell for at, cell in enumerate(cells) if at not in left_out or len(cells) == 1]
