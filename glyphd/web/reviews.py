"""A kept file under review: how it is read, column by column, and the options for running its
import again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from glyphd.api.callers import wanted_import
from glyphd.contracts.fingerprints import fingerprint
from glyphd.contracts.import_contracts import ImportStatus
from glyphd.contracts.import_options import ImportOptions
from glyphd.contracts.parameter_reading import read_parameters
from glyphd.db.registry_models import Job
from glyphd.errors import GlyphdError
from glyphd.importing.job_options import options_of
from glyphd.importing.requests import Asked
from glyphd.services import Services
from glyphd.web.addresses import Pairs
from glyphd.web.column_table import (
    CHOICES,
    FIELD,
    KeptHeader,
    ShownColumn,
    beyond_table,
    chosen_columns,
    kept_header,
    shown_columns,
)


@dataclass(frozen=True)
class Tried:
    """A form that was refused: why, and its fields."""

    failure: GlyphdError
    fields: Mapping[str, str]


@dataclass(frozen=True)
class Review:
    """The initial state of the form. `columns` is empty if the file has no readable header."""

    given: Mapping[str, Any]
    failure: GlyphdError | None = None
    columns: list[ShownColumn] = field(default_factory=list)
    beyond: list[str] = field(default_factory=list)
    column_count: int = 0
    choices: tuple[str, ...] = CHOICES


def can_run_again(job: Job) -> bool:
    is_checked = job.status == ImportStatus.SUCCEEDED and job.dry_run
    return is_checked or job.status in (ImportStatus.FAILED, ImportStatus.CANCELLED)


def review_of(services: Services, job: Job, tried: Tried | None = None) -> Review:
    """The options of the import, or those of a form that was refused."""
    failure, fields = (tried.failure, tried.fields) if tried else (None, {})
    given = {**options_of(job), **fields}
    kept = kept_header(services, job)
    if kept is None:
        return Review(given, failure)
    names = kept.header.names
    return Review(given, failure, shown_columns(kept, fields), beyond_table(kept), len(names))


def upload_again(job: Job) -> Pairs:
    """The initial values of the form for the corrected file: a report is always UTF-8 with
    commas."""
    before = options_of(job)
    kept = [
        (name, str(before[name])) for name in ("source", "description", "decimal") if before[name]
    ]
    return [*kept, *(("map", choice) for choice in before["map"])]


def asked_again(services: Services, job: Job, fields: Pairs) -> Asked:
    """The request from the form. An emptied field gets its default; a missing one keeps its value.

    The same form sent twice is one import; a check can be repeated.
    """
    columns = key = None
    if any(name.startswith(FIELD) for name, _ in fields):
        columns = kept_header(services, job)
    options = read_options(columns, fields)
    if not options.dry_run:
        key = f"page:{job.import_id}:{fingerprint(options.model_dump(mode='json'))}"
    return wanted_import(options, key)


def read_options(kept: KeptHeader | None, fields: Pairs) -> ImportOptions:
    """Raises UnknownParameter and InvalidParameter."""
    others = [
        (name, value) for name, value in fields if not name.startswith(FIELD) and name != "map"
    ]
    chosen = chosen_columns(kept, fields) if kept else None
    found = read_parameters(ImportOptions, [*others, *(("map", choice) for choice in chosen or [])])
    emptied: dict[str, Any] = {name: None for name, value in others if not value.strip()}
    return found.model_copy(update=emptied | ({} if chosen is None else {"map": found.map}))
