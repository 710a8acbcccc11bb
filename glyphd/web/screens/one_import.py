"""`/imports/{import_id}`: the progress of an import, its effect on the market, and the errors in
its file."""

from contextlib import suppress
from typing import Annotated, Any
from urllib.parse import quote

from bottle import HTTPResponse
from pydantic import Field

from glyphd.api.action_routes import run_again
from glyphd.api.bodies import read_fields
from glyphd.api.import_lists import KeptErrors
from glyphd.api.needs import CHANGE_ITS_IMPORTS, READ_ITS_IMPORTS
from glyphd.api.own_addresses import own_address, own_prefix
from glyphd.api.problems import status_of
from glyphd.api.routes import ID, Route
from glyphd.api.upload_routes import SMALL_GRACE_SECONDS
from glyphd.api.waiting import Waiting
from glyphd.contracts.import_contracts import ImportStatus, ImportView
from glyphd.contracts.numeric_cells import IntegerCell
from glyphd.contracts.parameter_reading import read_parameters
from glyphd.contracts.queries import Query, QueryTime
from glyphd.db.registry_models import Job
from glyphd.errors import ImportFinal, Refused
from glyphd.importing.cancelling import cancel_import
from glyphd.importing.import_relations import changes_of, import_before
from glyphd.importing.job_queries import require_import
from glyphd.importing.status import view_import
from glyphd.request_errors import InvalidRequest
from glyphd.services import Services
from glyphd.web.addresses import address
from glyphd.web.import_wording import ADVICE, standing
from glyphd.web.pace import pace_of, state_of
from glyphd.web.reviews import Tried, asked_again, can_run_again, review_of, upload_again
from glyphd.web.theme import Theme, here, moved_to

PAGE_ROWS = 50
MOST_PAGE_ROWS = 200


class ImportPageQuery(Query):
    """The parameters of the page of an import."""

    limit: Annotated[int, IntegerCell(minimum=1, maximum=MOST_PAGE_ROWS)] = Field(PAGE_ROWS)
    cursor: str | None = Field(None, description="Where the page of row errors starts")
    as_of: QueryTime | None = Field(
        None, description="Ignored: the page always shows the present, and says so"
    )


class OneImportScreen:
    def __init__(self, services: Services, theme: Theme, waiting: Waiting) -> None:
        self._services = services
        self._theme = theme
        self._waiting = waiting

    def routes(self) -> list[Route]:
        path = f"/imports/{ID}"
        return [
            Route("GET", path, self.show, READ_ITS_IMPORTS),
            Route("POST", f"{path}/retry", self.run_again, CHANGE_ITS_IMPORTS),
            Route("POST", f"{path}/cancel", self.cancel, CHANGE_ITS_IMPORTS),
            Route("GET", f"{path}/retry", self.lead_back, READ_ITS_IMPORTS),
            Route("GET", f"{path}/cancel", self.lead_back, READ_ITS_IMPORTS),
        ]

    def show(self, import_id: str) -> HTTPResponse:
        asked = read_parameters(ImportPageQuery, here().pairs)
        return self._theme.page("one_import.html", self._values(import_id, asked))

    def run_again(self, import_id: str) -> HTTPResponse:
        """Checks or imports the kept file with the options of the form; if they are refused, shows
        the form again."""
        job, fields = require_import(self._services.registry, import_id), read_fields()
        try:
            accepted = run_again(
                self._services, import_id, lambda: asked_again(self._services, job, fields)
            )
        except (Refused, InvalidRequest) as failure:
            values = self._values(import_id, ImportPageQuery(), Tried(failure, dict(fields)))
            return self._theme.page("one_import.html", values, status=status_of(failure))
        self._waiting.until_final(accepted.job, SMALL_GRACE_SECONDS)
        return moved_to(f"/imports/{accepted.job.import_id}", [])

    def lead_back(self, import_id: str) -> HTTPResponse:
        """Redirects a reader who opens the address of a refused form."""
        return moved_to(f"/imports/{quote(import_id, safe='')}", here().pairs)

    def cancel(self, import_id: str) -> HTTPResponse:
        """Cancels the import. If it has ended meanwhile, its page just shows that."""
        services = self._services
        job = require_import(services.registry, import_id)
        with suppress(ImportFinal):
            cancel_import(job, services.registry, services.locks, services.archive)
        return moved_to(f"/imports/{job.import_id}", [])

    def _values(
        self, import_id: str, asked: ImportPageQuery, tried: Tried | None = None
    ) -> dict[str, Any]:
        registry = self._services.registry
        with registry.connected():
            job = require_import(registry, import_id)
            values = self._related(job)
        errors = KeptErrors(self._services.uploads, job, asked.cursor).page(asked.limit)
        review = review_of(self._services, job, tried) if can_run_again(job) else None
        shown = {"errors": errors.objects(), "next_cursor": errors.next_cursor}
        return values | shown | {"asked": asked, "review": review}

    def _related(self, job: Job) -> dict[str, Any]:
        """What the registry knows about the import and related ones."""
        registry, view = self._services.registry, view_import(job, prefix=own_prefix())
        has_rows = view.status == ImportStatus.SUCCEEDED and not view.dry_run
        ahead = registry.count_unfinished(job) if view.status == ImportStatus.QUEUED else 0
        return {
            "view": view,
            "pace": pace_of(view),
            "state": state_of(view),
            "standing": standing(view, ahead, registry.workers_alive()),
            "advice": ADVICE.get(view.error.code) if view.error else None,
            "has_rows": has_rows,
            "upload_again": address(own_address("/upload"), upload_again(job)),
            "can_skip": can_skip_rows(view),
            "is_cancelling": job.cancel_requested_at is not None,
            "changes": changes_of(registry.database, job) if has_rows else [],
            "before": import_before(registry.database, job) if has_rows else None,
        }


def can_skip_rows(view: ImportView) -> bool:
    """Whether the valid rows could be imported without the others. If the file has decimal commas,
    none of its numbers can be trusted."""
    codes = {group.code for group in view.error_summary}
    is_for_rows = view.error is not None and view.error.code == "invalid_rows"
    return is_for_rows and view.on_error == "abort" and "decimal_comma" not in codes
