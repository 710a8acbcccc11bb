"""`/api/imports/{a}/diff/{b}`: what changed from one import to another."""

from dataclasses import asdict
from urllib.parse import quote

from bottle import HTTPResponse

from glyphd.api.answers import answer_json, answer_list, require_changed
from glyphd.api.descriptions import (
    DATABASE_PROBLEMS,
    JSON,
    About,
    Answer,
    AnyOf,
    Content,
    Many,
    Named,
    rows,
    table_contents,
)
from glyphd.api.kept_results import WholeResults
from glyphd.api.listing_routes import CHOSEN_ROW
from glyphd.api.needs import READ
from glyphd.api.own_addresses import own_address
from glyphd.api.query_strings import query, require_limit
from glyphd.api.routes import Route
from glyphd.api.snapshots import reading
from glyphd.contracts.change_queries import DiffKind, DiffQuery
from glyphd.contracts.contract_base import Contract
from glyphd.contracts.parameter_reading import choices
from glyphd.contracts.queries import PageQuery
from glyphd.contracts.service_views import DiffLinks, DiffView
from glyphd.db.archive_versions import archive_version
from glyphd.errors import ImportNotFound, ImportNotSucceeded
from glyphd.history.import_diff import CHANGED_COLUMNS, list_diff
from glyphd.history.matching import Brought, find_brought
from glyphd.importing.job_queries import require_import
from glyphd.request_errors import InvalidParameter
from glyphd.services import Services
from glyphd.storage.result_rows import SELECTABLE_COLUMNS


def counts_or_list(counts: type[Contract], changed: Named) -> Answer:
    """The answer of a route that compares two states of the market."""
    either = AnyOf((counts, Many(CHOSEN_ROW), Many(changed)))
    return Answer(
        200,
        "The counts; with `kind` one of the lists",
        (Content(JSON, either), *table_contents()),
        ("ETag", "Link"),
        in_parts=True,
    )


CHANGED_ROW = rows("ChangedRow", CHANGED_COLUMNS, chosen=True)
DIFF = About(
    "diff_imports",
    "Changes",
    "Listings added, removed and changed between two imports",
    (counts_or_list(DiffView, CHANGED_ROW),),
    "Without `kind` it counts the listings that only `b` has (`added`), those that only `a` has "
    "(`removed`), and of those in both how many differ in price or score (`changed`) and how many "
    "do not (`unchanged`). All other parameters need `kind`.",
    query=DiffQuery,
    columns=tuple(dict.fromkeys((*CHANGED_COLUMNS, *SELECTABLE_COLUMNS))),
    problems=(*DATABASE_PROBLEMS, ImportNotFound, ImportNotSucceeded),
)
PATH = "/api/imports/<a:re:[^/]{1,64}>/diff/<b:re:[^/]{1,64}>"
_FOR_LISTS = ("limit", "cursor", "fields", "format", "safe", "bom")


class DiffApi:
    def __init__(self, services: Services, results: WholeResults) -> None:
        self._services = services
        self._results = results
        self._archive = services.archive

    def routes(self) -> list[Route]:
        return [Route("GET", PATH, self.show, READ, about=DIFF)]

    def show(self, a: str, b: str) -> HTTPResponse:
        """The counts of differences between the imports; with `kind` one of the lists."""
        asked = query(DiffQuery)
        with reading(self._archive, asked):
            old, new = require_brought(self._services, a), require_brought(self._services, b)
            if asked.kind is None:
                return self._totals(asked, old, new)
            return self._list(asked, asked.kind, old, new)

    def _totals(self, asked: DiffQuery, old: Brought, new: Brought) -> HTTPResponse:
        refuse_list_parameters(asked)
        names = (old.import_id, new.import_id)
        headers = require_changed(archive_version(self._archive))
        counts = self._services.remembered.count_diff(old, new)
        quoted = (quote(name, safe="") for name in names)
        at = own_address("/api/imports/{}/diff/{}".format(*quoted))
        links = DiffLinks(self=at, **{kind: f"{at}?kind={kind}" for kind in choices(DiffKind)})
        view = DiffView(a=names[0], b=names[1], **asdict(counts), links=links)
        return answer_json(view, **headers)

    def _list(self, asked: DiffQuery, kind: DiffKind, old: Brought, new: Brought) -> HTTPResponse:
        require_limit(asked.limit, asked.cursor)
        found = list_diff(self._archive, asked, kind, old, new)
        return answer_list(asked, found, archive_version(self._archive), self._results)


def require_brought(services: Services, import_id: str) -> Brought:
    """What an import brought. Raises ImportNotFound or ImportNotSucceeded for an import without
    rows."""
    brought = find_brought(services.archive, import_id) if "\0" not in import_id else None
    if brought is None:
        job = require_import(services.registry, import_id)
        is_checked = job.dry_run and job.status == "succeeded"
        state = "was a dry run" if is_checked else f"has the status {job.status}"
        detail = f"import {import_id} {state}: it has no rows to compare"
        raise ImportNotSucceeded(detail, import_id=import_id, import_status=job.status)
    return brought


def refuse_list_parameters(asked: PageQuery) -> None:
    """Raises InvalidParameter for a parameter that only a list can have."""
    for name in _FOR_LISTS:
        if getattr(asked, name):
            raise InvalidParameter(f"{name} can only be used with kind", parameter=name)
