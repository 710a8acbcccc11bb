"""The source of an event: exactly the bytes of the kept file from which it came, verified against
the archive."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from peewee import Database

from glyphd.contracts.column_checks import CheckOptions
from glyphd.contracts.column_names import HeaderMap
from glyphd.contracts.columns import STORED_COLUMNS, columns_of
from glyphd.contracts.findings import Findings
from glyphd.contracts.object_cells import OBJECT_HEADER
from glyphd.db.archive_models import ScoredListing
from glyphd.db.registry_models import Job
from glyphd.errors import SourceMismatch, SourceMissing, SourceNotKept, UnreadableFile
from glyphd.importing.csv_rows import CsvRows
from glyphd.importing.door import UNPACKED_HEAD
from glyphd.importing.intake import GZIP
from glyphd.importing.job_options import NDJSON
from glyphd.importing.json_rows import JsonRows
from glyphd.importing.kept_files import READ_BYTES, open_kept
from glyphd.importing.layouts import layout_of
from glyphd.importing.lines import PhysicalLines
from glyphd.importing.reading import Rows
from glyphd.importing.registry import Registry
from glyphd.importing.validation import RowCheck
from glyphd.settings import Settings
from glyphd.storage.identity import identity_of, listing_id
from glyphd.storage.knowledge import present
from glyphd.storage.predicates import is_of_listing
from glyphd.uploads import UploadStore

_PLACE = ("import_index", "line", "byte_offset", "byte_length")


@dataclass(frozen=True)
class Event:
    """One scoring event and its place in the kept file; an event written through the library has
    none.

    `ordinal` is its number among the separate offers of its identity; `place` is import_index,
    line, byte offset and length; `values` are the stored ones, in column order.
    """

    listing_id: bytes
    import_id: str
    ordinal: int
    place: tuple[Any, ...]
    values: tuple[Any, ...]


def find_event(archive: Database, key: bytes, import_id: str | None = None) -> Event | None:
    """The event of a listing in an import; without an import the latest one, even if the listing is
    gone."""
    columns = [
        ScoredListing._meta.columns[name]
        for name in ("import_id", "ordinal", *_PLACE, *STORED_COLUMNS)
    ]
    wanted = ScoredListing.import_id == import_id
    if import_id is None:
        wanted = present(archive).is_current("include")
    query = ScoredListing.select(*columns).where(is_of_listing(key), wanted)
    query = query.order_by(ScoredListing.standing, ScoredListing.id).limit(1)
    row = archive.execute(query).fetchone()
    return Event(key, row[0], row[1], tuple(row[2:6]), tuple(row[6:])) if row else None


def find_source(registry: Registry, event: Event) -> Job:
    """The import that has the event's file.

    Raises SourceNotKept for an event without a file, SourceMissing if the registry has lost the
    import.
    """
    if event.place[2] is None:
        raise SourceNotKept(
            f"import {event.import_id} was written through the library", import_id=event.import_id
        )
    job = registry.find_import(event.import_id)
    if job is None:
        raise SourceMissing(
            f"the registry has no import {event.import_id}", import_id=event.import_id
        )
    return job


def read_source(uploads: UploadStore, job: Job, event: Event, *, settings: Settings) -> bytes:
    """The event's record in the kept file, unpacked, including its line end.

    Raises SourceMismatch if it differs from the archive, and SourceMissing if the file does not
    exist.
    """
    try:
        with open_kept(uploads, job, max_unpacked_bytes=settings.max_unpacked_bytes) as (
            kept,
            unpacked,
        ):
            head = unpacked.read(min(UNPACKED_HEAD, event.place[2]))
            record = _record(
                unpacked if job.content_encoding == GZIP else kept, len(head), event, job
            )
        differing = list(_differences(job, event, head, record))
    except UnreadableFile as error:
        differing = [error.detail]
    if differing:
        row, line, *_ = event.place
        what = (
            f"row {row} (line {line}) of import {job.import_id} differs between its kept file "
            "and the archive"
        )
        raise SourceMismatch(
            f"{what}: {', '.join(differing)}", import_id=job.import_id, row=row, line=line
        )
    return record


def _record(file: BinaryIO, at: int, event: Event, job: Job) -> bytes:
    """The event's bytes. A gzip file must be unpacked from its start up to them."""
    _, _, offset, length = event.place
    if job.content_encoding != GZIP:
        file.seek(offset)
        return file.read(length)
    while at < offset and (block := file.read(min(READ_BYTES, offset - at))):
        at += len(block)
    return file.read(length)


def _differences(job: Job, event: Event, head: bytes, record: bytes) -> Iterator[str]:
    """The names of the values in which the record differs from the event; it is read and checked as
    the import did."""
    if len(record) != event.place[3]:
        yield "byte_length"
        return
    rows, header = _rows(job, head, record)
    found = list(rows)
    options = CheckOptions(job.received_at, has_decimal_comma=layout_of(job).has_decimal_comma)
    checked = RowCheck(header, options, Findings()).rows(found)
    if len(found) != 1 or checked.refused:
        yield f"is refused: {checked.refused[0][0].message}" if checked.refused else "is not a row"
        return
    if found[0].place.length != len(record):
        yield "byte_offset"  # there is a blank line before the row
    values = tuple(checked.accepted.get(name, (None,))[0] for name in STORED_COLUMNS)
    yield from (
        name
        for name, is_, was in zip(STORED_COLUMNS, values, event.values, strict=True)
        if is_ != was
    )
    if listing_id(identity_of(values), event.ordinal) != event.listing_id:
        yield "listing_id"


def _rows(job: Job, head: bytes, record: bytes) -> tuple[Rows, HeaderMap]:
    """The record after the file's own header. Neither exceeds a limit, because both were
    accepted."""
    layout, most = layout_of(job), len(head) + len(record)
    if job.content_type == NDJSON:
        return JsonRows(io.BytesIO(record), known=columns_of(layout.schema_version)), OBJECT_HEADER
    lines = PhysicalLines(io.BytesIO(head), encoding=layout.encoding, max_bytes=most)
    CsvRows(lines, layout, max_columns=most)
    header = head[: lines.offset]
    again = PhysicalLines(io.BytesIO(header + record), encoding=layout.encoding, max_bytes=most)
    rows = CsvRows(again, layout, max_columns=most)
    return rows, rows.header
