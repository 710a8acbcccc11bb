"""`/api/models`: what each GPU model costs and scores, now and over time."""

from bottle import HTTPResponse, request

from glyphd.api.answers import answer_json, answer_list, require_changed
from glyphd.api.descriptions import DATABASE_PROBLEMS, About, json_answer, list_answer, rows
from glyphd.api.kept_results import WholeResults
from glyphd.api.needs import READ
from glyphd.api.query_strings import query, query_pairs, require_limit
from glyphd.api.routes import Route
from glyphd.api.snapshots import reading
from glyphd.contracts.parameter_reading import read_parameters
from glyphd.contracts.queries import ModelHistoryQuery, ModelQuery, ModelsQuery, PageQuery
from glyphd.db.archive_versions import archive_version
from glyphd.errors import ModelNotFound
from glyphd.history.buckets import ModelHistory
from glyphd.history.market_models import MODEL_COLUMNS, Models, unknown_model
from glyphd.history.remembered_history import RememberedSeries
from glyphd.history.series import Series
from glyphd.services import Services

MODEL_ROW = rows("Model", MODEL_COLUMNS)
LIST = About(
    "list_models",
    "Models",
    "What each GPU model costs and scores",
    (
        list_answer(
            MODEL_ROW, "The models of current listings, in the order of their names", "Link"
        ),
    ),
    "Prices and scores of the current listings by model, ASCII case ignored, and its specs.",
    query=ModelsQuery,
    problems=DATABASE_PROBLEMS,
)
SHOW = About(
    "get_model",
    "Models",
    "What one GPU model costs and scores",
    (json_answer(MODEL_ROW, "The model", "ETag"),),
    "The case of its name does not matter.",
    query=ModelQuery,
    problems=(*DATABASE_PROBLEMS, ModelNotFound),
)
HISTORY = About(
    "list_model_history",
    "Models",
    "One model by day, week or month, oldest first",
    (
        list_answer(
            rows("ModelBucket", ModelHistory.columns),
            "The buckets that have observations",
            "Link",
            csv_example="bucket,listing_count,min_price,p25_price,median_price,p75_price,max_price,"
            "avg_price,min_score,median_score,max_score,max_score_per_1000_usd,last_seen_at,"
            "lowest_price,lowest_at\n"
            "2025-07-21,3,3350.0,3624.5,3899.0,4344.5,4790.0,4013.0,0.6128,0.8214,0.8675,0.24519402985074626,"
            "2025-07-25T07:42:10.000000Z,3350.0,2025-07-25T07:30:00.000000Z\n",
        ),
    ),
    "In each bucket a listing counts once, as it was last seen.",
    query=ModelHistoryQuery,
    problems=(*DATABASE_PROBLEMS, ModelNotFound),
)
MODEL = r"<model:re:[\s\S]+>"
"""A model's name can contain slashes, which a server passes unquoted."""


class ModelsApi:
    def __init__(self, services: Services, results: WholeResults) -> None:
        self._results = results
        self._archive = services.archive
        self._remembered = services.remembered

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/api/models", self.list, READ, about=LIST),
            Route("GET", f"/api/models/{MODEL}/history", self.history, READ, about=HISTORY),
            Route("GET", f"/api/models/{MODEL}", self.show, READ, about=SHOW),
        ]

    def list(self) -> HTTPResponse:
        """All models of the current listings, by name."""
        asked = query(ModelsQuery)
        with reading(self._archive, asked):
            return self._answer(asked, Models(self._archive, asked.as_of, asked.gone))

    def show(self, model: str) -> HTTPResponse:
        """One model."""
        asked = query(ModelQuery)
        with self._archive.connection_context():
            row = self._remembered.find_model(model, asked.as_of, asked.gone)
            if row is None:
                raise unknown_model(self._archive, model)
            headers = require_changed(archive_version(self._archive), model)
        return answer_json(dict(zip(MODEL_COLUMNS, row, strict=True)), **headers)

    def history(self, model: str) -> HTTPResponse:
        """One model's buckets, oldest first. A model whose name ends in `/history` is handled here
        too."""
        if _ends_in_name():
            return self.show(f"{model}/history")
        with reading(self._archive):
            found = self._remembered.find_model(model, _moment_asked(), "include")
            if found is not None:
                asked = query(ModelHistoryQuery)
                return self._answer(asked, ModelHistory(self._archive, found[0], asked))
            name = f"{model}/history"
            if self._remembered.find_model(name, _moment_asked(), "include") is None:
                raise unknown_model(self._archive, model)
        return self.show(f"{model}/history")

    def _answer(self, asked: PageQuery, series: Series) -> HTTPResponse:
        require_limit(asked.limit, asked.cursor)
        found = RememberedSeries(series, self._remembered, asked.cursor)
        return answer_list(asked, found, archive_version(self._archive), self._results)


def _ends_in_name() -> bool:
    """Whether the slash before `history` was encoded, as a part of the name. Not every server
    provides the undecoded path."""
    path: str = request.environ.get("REQUEST_URI", "").partition("?")[0]
    return path.lower().endswith("%2fhistory")


def _moment_asked() -> str | None:
    """The requested moment, read before it is known to which route the other parameters belong."""
    return read_parameters(ModelQuery, [pair for pair in query_pairs() if pair[0] == "as_of"]).as_of
