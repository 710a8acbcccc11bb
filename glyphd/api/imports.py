"""`/api/imports`: the status of imports, their row errors and their files."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, BinaryIO

from bottle import HTTPResponse

from glyphd.api.answers import (
    answer_file,
    answer_json,
    answer_rows,
    fresh,
    make_etag,
    next_link,
    not_modified,
    output_format,
)
from glyphd.api.parameters import query, query_pairs
from glyphd.api.routes import ID, Route
from glyphd.api.waiting import Waiting
from glyphd.contracts.imports import ImportView
from glyphd.contracts.queries import ErrorQuery, ImportQuery, NoParameters, StatusQuery
from glyphd.contracts.row_errors import ERROR_FIELDS
from glyphd.db.registry_models import Job
from glyphd.importing.error_report import is_between_errors, read_errors
from glyphd.importing.import_filters import IMPORT_FILTERS
from glyphd.importing.intake import GZIP
from glyphd.importing.registry import Registry, require_import
from glyphd.importing.status import view_import
from glyphd.listings.cursors import read_cursor, write_cursor
from glyphd.request_errors import InvalidCursor
from glyphd.services import Services
from glyphd.settings import MIB
from glyphd.uploads import UploadStore

DEFAULT_LIMIT = 100
BLOCK_ROWS = 200
"""Imports read at once: a status may have hundreds of row errors."""
MOST_PAGE_BYTES = 4 * MIB
"""A page ends here, whatever its limit."""
VIEW_FIELDS = tuple(ImportView.model_fields)


class ImportsApi:
    def __init__(self, services: Services, waiting: Waiting) -> None:
        self._services = services
        self._waiting = waiting

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/api/imports", self.list),
            Route("GET", f"/api/imports/{ID}", self.show),
            Route("GET", f"/api/import/{ID}", self.show),
            Route("GET", f"/api/imports/{ID}/errors", self.errors),
            Route("GET", f"/api/imports/{ID}/file", self.file),
        ]

    def list(self) -> HTTPResponse:
        """Imports, newest first."""
        asked = query(ImportQuery)
        wanted = asked.model_dump(mode="json", include=set(IMPORT_FILTERS))
        before = read_cursor(wanted, asked.cursor, (int,))[0] if asked.cursor else None
        limit = asked.limit or DEFAULT_LIMIT
        rows, last = _read_page(self._services.registry, wanted, before, limit)
        etag = make_etag([rows, last, query_pairs(), output_format(asked)])
        headers = fresh(etag) | next_link(write_cursor(wanted, [last]) if last is not None else None)
        if asked.count == "exact":
            headers["X-Total-Count"] = str(self._services.registry.count_imports(wanted))
        scratch = self._services.scratch
        return not_modified(etag) or answer_rows(asked, VIEW_FIELDS, rows, scratch, **headers)

    def show(self, import_id: str) -> HTTPResponse:
        """One import's status."""
        asked = query(StatusQuery)
        job = require_import(self._services.registry, import_id)
        view = view_import(self._waiting.until_changed(job, asked.wait or 0))
        etag = make_etag(view.model_dump(mode="json"))
        answer = not_modified(etag) or answer_json(view, **fresh(etag))
        if not view.status.is_final:
            answer.set_header("Retry-After", "1")
        return answer

    def errors(self, import_id: str) -> HTTPResponse:
        """The row errors that were kept, in file order."""
        asked = query(ErrorQuery)
        job = require_import(self._services.registry, import_id)
        etag = make_etag([job.import_id, job.errors_name, query_pairs(), output_format(asked)])
        return not_modified(etag) or self._kept_errors(job, asked, fresh(etag))

    def file(self, import_id: str) -> HTTPResponse:
        """The upload, byte for byte: what was sent packed stays packed."""
        query(NoParameters)
        job = require_import(self._services.registry, import_id)
        etag = f'"{job.sha256}"'
        content_type = "application/gzip" if job.content_encoding == GZIP else job.content_type or "text/csv"
        unchanged = not_modified(etag)
        if unchanged is not None:
            return unchanged
        headers = {"ETag": etag, "Content_Disposition": f'attachment; filename="{job.upload_name}"'}
        return answer_file(self._services.uploads.open(job.upload_name or ""), content_type, **headers)

    def _kept_errors(self, job: Job, asked: ErrorQuery, headers: dict[str, str]) -> HTTPResponse:
        scratch = self._services.scratch
        if job.errors_name is None:
            return answer_rows(asked, ERROR_FIELDS, [], scratch, **headers)
        if asked.limit is not None:
            errors, next_cursor = errors_page(self._services.uploads, job, asked.limit, asked.cursor)
            headers |= next_link(next_cursor)
            return answer_rows(asked, ERROR_FIELDS, [list(error.values()) for error in errors], scratch, **headers)
        with self._services.uploads.open(job.errors_name) as kept:
            rows = (list(error.values()) for _, error in _read_kept(kept, job, asked.cursor))
            return answer_rows(asked, ERROR_FIELDS, rows, scratch, **headers)


def errors_page(
    uploads: UploadStore, job: Job, limit: int, cursor: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    """So many of the row errors that were kept, and the cursor of the next page, if there is one."""
    if job.errors_name is None:
        return [], None
    with uploads.open(job.errors_name) as kept:
        found = _read_kept(kept, job, cursor)
        page = list(islice(found, limit))
        more = next(found, None) is not None
    return [error for _, error in page], write_cursor(_errors_identity(job), [page[-1][0]]) if more else None


def _read_kept(kept: BinaryIO, job: Job, cursor: str | None) -> Iterator[tuple[int, dict[str, Any]]]:
    """The kept row errors behind the cursor, each with the place where it ends."""
    start = read_cursor(_errors_identity(job), cursor, (int,))[0] if cursor else 0
    if not is_between_errors(kept, start):
        raise InvalidCursor("this is not a cursor from glyphd", parameter="cursor")
    return read_errors(kept, start)


def _errors_identity(job: Job) -> list[str | None]:
    return [job.import_id, job.errors_name]


def _read_page(
    registry: Registry, wanted: Mapping[str, Any], before: int | None, limit: int
) -> tuple[list[list[Any]], int | None]:
    """So many rows at most, fewer where they are large; and the job that the next page comes after, if there is one."""
    rows: list[list[Any]] = []
    size = 0
    while True:
        block = min(BLOCK_ROWS, limit - len(rows))
        jobs = registry.imports(wanted, before=before, limit=block + 1)
        for at, job in enumerate(jobs[:block]):
            view = view_import(job)
            rows.append(list(view.model_dump(mode="json").values()))
            size += len(view.model_dump_json())
            before = job.id
            if len(rows) == limit or size > MOST_PAGE_BYTES:
                return rows, before if at + 1 < len(jobs) else None
        if len(jobs) <= block:
            return rows, None
