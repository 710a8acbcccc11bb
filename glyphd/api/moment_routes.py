"""`/api/diff`: what changed in the market from one moment to another."""

from dataclasses import asdict
from urllib.parse import urlencode

from bottle import HTTPResponse

from glyphd.api.answers import answer_json, answer_list, require_changed
from glyphd.api.descriptions import DATABASE_PROBLEMS, About, rows
from glyphd.api.diff_routes import counts_or_list, refuse_list_parameters
from glyphd.api.kept_results import WholeResults
from glyphd.api.needs import READ
from glyphd.api.own_addresses import own_address
from glyphd.api.query_strings import query, require_limit
from glyphd.api.routes import Route
from glyphd.api.snapshots import reading
from glyphd.contracts.change_queries import MomentDiffKind, MomentDiffQuery
from glyphd.contracts.parameter_reading import choices
from glyphd.contracts.service_views import MomentDiffLinks, MomentDiffView
from glyphd.db.archive_versions import archive_version
from glyphd.history.moment_diff import MOVED_COLUMNS, Market, list_moments
from glyphd.listings.search import known_at
from glyphd.services import Services
from glyphd.storage.result_rows import SELECTABLE_COLUMNS

MOVED_ROW = rows("MovedRow", MOVED_COLUMNS, chosen=True)
DIFF = About(
    "diff_moments",
    "Changes",
    "Offers added, removed and changed in the market between two moments",
    (counts_or_list(MomentDiffView, MOVED_ROW),),
    "Without `kind` it counts the offers that the market shows only at `to` (`added`), only at "
    "`from` (`removed`), and of those at both how many differ in price or score (`changed`) and "
    "how many do not (`unchanged`); `gone` are those of the removed that a complete file no "
    "longer lists. All other parameters need `kind`.",
    query=MomentDiffQuery,
    columns=tuple(dict.fromkeys((*MOVED_COLUMNS, *SELECTABLE_COLUMNS))),
    problems=DATABASE_PROBLEMS,
)


class MomentsApi:
    def __init__(self, services: Services, results: WholeResults) -> None:
        self._services = services
        self._results = results
        self._archive = services.archive

    def routes(self) -> list[Route]:
        return [Route("GET", "/api/diff", self.show, READ, about=DIFF)]

    def show(self) -> HTTPResponse:
        """The counts of differences between the moments; with `kind` one of the lists."""
        asked = query(MomentDiffQuery)
        with reading(self._archive, asked):
            old = Market(known_at(self._archive, asked.from_, "from"))
            new = Market(known_at(self._archive, asked.to, "to"))
            if asked.kind is None:
                return self._totals(asked, old, new)
            require_limit(asked.limit, asked.cursor)
            found = list_moments(self._archive, asked, asked.kind, old, new)
            return answer_list(asked, found, archive_version(self._archive), self._results)

    def _totals(self, asked: MomentDiffQuery, old: Market, new: Market) -> HTTPResponse:
        refuse_list_parameters(asked)
        headers = require_changed(archive_version(self._archive))
        counts = self._services.remembered.count_moments(old, new)
        moments = {"from": asked.from_} | ({"to": asked.to} if asked.to else {})
        at = own_address(f"/api/diff?{urlencode(moments)}")
        lists = {kind: f"{at}&kind={kind}" for kind in choices(MomentDiffKind)}
        links = MomentDiffLinks(self=at, **lists)
        # By its alias, because `from` is a Python keyword.
        view = MomentDiffView.model_validate(
            {"from": asked.from_, "to": asked.to, **asdict(counts), "links": links}
        )
        return answer_json(view.model_dump(by_alias=True), **headers)
