"""Reads the file of an import of an older row contract by the rules of this version, like a new
upload."""

import json
from typing import Any

from glyphd.contracts.columns import ROW_SCHEMA_VERSION
from glyphd.contracts.import_options import ImportOptions
from glyphd.db.registry_models import Job
from glyphd.errors import FileRefused, Refused, RowsRefused, UnreadableFile
from glyphd.importing.door import check_door
from glyphd.importing.error_report import ErrorReport, errors_name
from glyphd.importing.intake import kept_block, manifest_bytes
from glyphd.importing.job_options import NDJSON, options_of
from glyphd.importing.kept_files import open_upload
from glyphd.importing.reading import read_kept
from glyphd.importing.registry import as_stored
from glyphd.plurals import counted
from glyphd.settings import Settings
from glyphd.storage.staging import Stage
from glyphd.uploads import UploadStore


def reread(stage: Stage, job: Job, uploads: UploadStore, settings: Settings) -> dict[str, Any]:
    """Stages the accepted rows; returns the new values for the registry.

    No import is lost because of a single row: an import that did not skip bad rows now does. Raises
    what the check at the door and the reading raise, and RowsRefused if no row is accepted.
    """
    _ask_door(job, uploads, settings)
    report = ErrorReport(
        uploads, errors_name(job.import_id, job.attempt + 1), settings.max_row_errors
    )
    rows_read = 0
    try:
        with read_kept(uploads, job, settings=settings) as kept:
            for checked in kept.checked():
                rows_read += checked.rows_read
                stage.add(checked.accepted)
                for errors in checked.refused:
                    report.add(errors)
            found = kept.findings()
        if not stage.count:
            how_many = counted(report.count, "error")
            raise RowsRefused(f"{how_many} in {counted(rows_read, 'row')}")
    except BaseException:
        report.discard()
        raise
    report.settle()
    lowest, highest = stage.bounds
    return {
        "schema_version": ROW_SCHEMA_VERSION,
        "on_error": "skip" if report.count else job.on_error,
        "rows_read": rows_read,
        **as_stored(report.findings() | found),
        "record_count": stage.count,
        "first_model": stage.model_at(lowest),
        "last_model": stage.model_at(highest),
    }


def renew_manifest(uploads: UploadStore, job: Job) -> None:
    """Updates the manifest's row contract, like the registry's. An unreadable manifest is not
    changed."""
    name = f"{job.import_id}.json"
    try:
        with uploads.open(name) as file:
            said = json.load(file)
        said |= {"schema_version": job.schema_version, "on_error": job.on_error}
    except (OSError, ValueError, TypeError):
        return
    uploads.put(name, manifest_bytes(said))


def _ask_door(job: Job, uploads: UploadStore, settings: Settings) -> None:
    if job.content_type == NDJSON:
        return
    with open_upload(uploads, job) as file:
        block = kept_block(file, job)
    check_door(block, ImportOptions(**options_of(job)), max_columns=settings.max_columns)


def refused_by_now(error: Refused) -> dict[str, Any]:
    """The registry's values for an import whose file is no longer accepted."""
    return {
        "schema_version": ROW_SCHEMA_VERSION,
        "status": "failed",
        "error_code": UnreadableFile.code if isinstance(error, FileRefused) else error.code,
        "error_message": error.detail,
        "record_count": 0,
        "first_model": None,
        "last_model": None,
        "rolled_back_at": None,
        "imported_at": None,
    }
