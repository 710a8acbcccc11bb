"""`/api/imports`: the status of imports, their row errors and their files."""

from functools import partial

from bottle import HTTPResponse

from glyphd.api.answers import (
    answer_json,
    answer_list,
    answer_page,
    require_changed,
    require_changed_list,
    require_new_tag,
)
from glyphd.api.bodies import PLAIN_TYPES
from glyphd.api.descriptions import (
    BYTES,
    DATABASE_PROBLEMS,
    UPLOAD_PROBLEMS,
    About,
    Answer,
    Content,
    json_answer,
    list_answer,
    page_answer,
)
from glyphd.api.file_answers import answer_copied, answer_open_file
from glyphd.api.import_lists import ImportList, KeptErrors
from glyphd.api.kept_results import WholeResults
from glyphd.api.needs import READ_ITS_IMPORTS, READ_ITS_SOURCE
from glyphd.api.own_addresses import own_prefix
from glyphd.api.query_strings import query
from glyphd.api.routes import ID, Route
from glyphd.api.waiting import Waiting
from glyphd.contracts.import_contracts import ImportView
from glyphd.contracts.queries import ErrorQuery, ImportQuery, NoParameters, StatusQuery
from glyphd.contracts.row_errors import RowError
from glyphd.errors import ImportNotFound, SourceMissing
from glyphd.importing.intake import GZIP
from glyphd.importing.job_options import NDJSON
from glyphd.importing.job_queries import require_import
from glyphd.importing.kept_files import open_upload
from glyphd.importing.status import view_imports
from glyphd.services import Services

DEFAULT_LIMIT = 100
GZIP_TYPE = "application/gzip"
IMPORT_PROBLEMS = (*DATABASE_PROBLEMS, ImportNotFound)
LIST = About(
    "list_imports",
    "Imports",
    "Imports, newest first",
    (page_answer(ImportView, "A page of statuses", "Link", "X-Total-Count"),),
    "A page has 100 statuses unless `limit` is given; `Link` has the address of the next page.",
    query=ImportQuery,
    problems=DATABASE_PROBLEMS,
)
SHOW = About(
    "get_import",
    "Imports",
    "The status of an import",
    (json_answer(ImportView, "The status", "ETag", "Retry-After"),),
    "`Retry-After` is sent until the import has ended.",
    query=StatusQuery,
    problems=IMPORT_PROBLEMS,
)
ERRORS = About(
    "list_import_errors",
    "Imports",
    "The row errors of an import, in the order of its file",
    (
        list_answer(
            RowError,
            "The stored row errors",
            "Link",
            csv_example="row,line,field,column,code,message,value\n"
            '4,5,price_usd,price_usd,not_a_number,is not a decimal number,"$1,299.00"\n'
            "10,11,score,score,not_a_number,is not a decimal number,nan\n",
        ),
    ),
    "Up to `GLYPHD_MAX_ROW_ERRORS` of them; the status counts all.",
    query=ErrorQuery,
    problems=(*UPLOAD_PROBLEMS, ImportNotFound),
)
FILE = About(
    "get_import_file",
    "Imports",
    "The upload, byte for byte",
    (
        Answer(
            200,
            "The file, with the content type that it was sent with",
            tuple(Content(kind, BYTES) for kind in (*PLAIN_TYPES, GZIP_TYPE, NDJSON)),
            ("ETag", "Content-Disposition"),
            in_parts=True,
        ),
    ),
    "It exists for every import, in any status. `ETag` is its SHA-256.",
    problems=(*UPLOAD_PROBLEMS, ImportNotFound, SourceMissing),
)


class ImportsApi:
    def __init__(self, services: Services, waiting: Waiting, results: WholeResults) -> None:
        self._services = services
        self._results = results
        self._waiting = waiting

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/api/imports", self.list, READ_ITS_SOURCE, about=LIST),
            Route("GET", f"/api/imports/{ID}", self.show, READ_ITS_IMPORTS, about=SHOW),
            Route(
                "GET",
                f"/api/import/{ID}",
                self.show,
                READ_ITS_IMPORTS,
                about=SHOW.also("get_import_status", "GET /api/imports/{import_id}"),
            ),
            Route("GET", f"/api/imports/{ID}/errors", self.errors, READ_ITS_IMPORTS, about=ERRORS),
            Route("GET", f"/api/imports/{ID}/file", self.file, READ_ITS_IMPORTS, about=FILE),
        ]

    def list(self) -> HTTPResponse:
        """Imports, newest first."""
        asked = query(ImportQuery)
        imports = ImportList(self._services.registry, asked)
        page = imports.page(asked.limit or DEFAULT_LIMIT)
        headers = require_changed_list(asked, page.rows, page.next_cursor)
        if asked.count:
            headers["X-Total-Count"] = str(imports.count())
        return answer_page(asked, page, headers)

    def show(self, import_id: str) -> HTTPResponse:
        """One import's status."""
        asked = query(StatusQuery)
        job = require_import(self._services.registry, import_id)
        job = self._waiting.until_changed(job, asked.wait or 0)
        (view,) = view_imports(self._services.registry, [job], prefix=own_prefix())
        answer = answer_json(view, **require_changed(view.model_dump(mode="json")))
        if not view.status.is_final:
            answer.set_header("Retry-After", "1")
        return answer

    def errors(self, import_id: str) -> HTTPResponse:
        """The stored row errors, in file order."""
        asked = query(ErrorQuery)
        job = require_import(self._services.registry, import_id)
        errors = KeptErrors(self._services.uploads, job, asked.cursor)
        return answer_list(asked, errors, job.errors_name or "", self._results)

    def file(self, import_id: str) -> HTTPResponse:
        """The upload, byte for byte: gzip stays gzip."""
        query(NoParameters)
        job = require_import(self._services.registry, import_id)
        etag = f'"{job.sha256}"'
        content_type = GZIP_TYPE if job.content_encoding == GZIP else job.content_type or "text/csv"
        require_new_tag(etag)
        headers = {"ETag": etag, "Content-Disposition": f'attachment; filename="{job.upload_name}"'}
        uploads = self._services.uploads
        opened = partial(open_upload, uploads, job)
        if uploads.has_local_files:
            return answer_open_file(opened(), content_type, headers)
        return answer_copied(self._results, opened, content_type, headers)
