"""`/api/sources`: which sources send files, how often, and which have fallen silent."""

from bottle import HTTPResponse

from glyphd.api.answers import answer_page, require_changed_list
from glyphd.api.descriptions import DATABASE_PROBLEMS, About, page_answer
from glyphd.api.needs import READ
from glyphd.api.query_strings import query
from glyphd.api.routes import Route
from glyphd.contracts.queries import OutputQuery
from glyphd.contracts.source_contracts import SourceView
from glyphd.db.registry_models import Job
from glyphd.history.source_totals import SourceTotal
from glyphd.importing.source_states import SourceState, last_imports, source_states
from glyphd.listings.results import Page
from glyphd.services import Services
from glyphd.times import utc_now, utc_text

LIST = About(
    "list_sources",
    "Imports",
    "The sources of imports: how often each sends files, and whether it has fallen silent",
    (page_answer(SourceView, "The sources, by name"),),
    "Imports without a source are left out.",
    query=OutputQuery,
    problems=DATABASE_PROBLEMS,
)
_NOTHING = SourceTotal(0, None)


class SourceListApi:
    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> list[Route]:
        return [Route("GET", "/api/sources", self.list, READ, about=LIST)]

    def list(self) -> HTTPResponse:
        """All sources, by name."""
        asked = query(OutputQuery)
        views = source_views(self._services)
        rows = [list(view.model_dump(mode="json").values()) for view in views]
        headers = require_changed_list(asked, rows)
        return answer_page(asked, Page(tuple(SourceView.model_fields), rows, None), headers)


def source_views(services: Services) -> list[SourceView]:
    """The sources by name, ASCII case ignored."""
    registry, archive = services.registry, services.archive
    states = {state.source: state for state in source_states(registry, utc_now())}
    with archive.connection_context():
        totals = services.remembered.source_totals()
    return [
        _view(last, states.get(source), totals.get(source, _NOTHING))
        for source, last in sorted(last_imports(registry).items())
    ]


def _view(last: Job, state: SourceState | None, total: SourceTotal) -> SourceView:
    success = None if state is None else state.last_success
    rhythm = None if state is None else state.rhythm
    silent_since = None if state is None else state.silent_since
    return SourceView(
        source=last.source,
        last_import_id=last.import_id,
        last_status=last.status,
        last_received_at=last.received_at,
        last_success_id=success and success.import_id,
        last_success_at=success and utc_text(success.finished_at),
        usual_interval_seconds=rhythm and rhythm.usual.total_seconds(),
        silent=silent_since is not None,
        silent_since=silent_since and utc_text(silent_since),
        complete=total.complete_at is not None,
        complete_at=total.complete_at,
        current_listings=total.current_listings,
    )
