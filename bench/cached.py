"""The same twelve pages of 100 listings, requested again and again, against Datasette: by model and
score, latest first, over 8 connections."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from urllib.parse import urlencode

from bench.client import Client
from bench.data import COLUMNS, MODELS
from bench.datasette import running_datasette
from bench.load import Load, run_load
from bench.load_client import Job
from bench.peers import COLUMN_LIST, copy_market
from bench.plan import Plan
from bench.samples import Result, Sample, at_least, below, milliseconds, per_second
from bench.service import running_service

MIN_SCORE = 0.5
LIMIT = 100
LOAD_SECONDS = 5
ROUNDS = 3
Requests = list[tuple[str, dict[str, str]]]


@dataclass(frozen=True)
class Rival:
    """One of the servers that answer the same questions, with the requests that it gets."""

    port: int
    requests: Requests
    expected: int = 200


@dataclass
class Figures:
    """The results of one rival, round by round; latencies in seconds."""

    per_second: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    client_load: list[float] = field(default_factory=list)

    def add(self, load: Load) -> None:
        self.per_second.append(load.per_second)
        self.p50.append(load.p50)
        self.p99.append(load.p99)
        self.client_load.append(load.client_load)


def measure(plan: Plan) -> list[Result]:
    with plan.market() as folder, running_service(folder) as service:
        peer = copy_market(service.archive, folder / "peer.sqlite")
        with running_datasette(peer) as port:
            figures = _alternate(plan, _rivals(service.port, port))
    return _results(figures)


def listing_requests() -> Requests:
    """Requests to glyphd: one page of each model."""
    return [(listing_path(model, str(MIN_SCORE)), {}) for model in MODELS]


def listing_path(model: str, min_score: str) -> str:
    """The path of a page in glyphd, with the columns that its peer has."""
    asked = {"model": model, "min_score": min_score, "limit": LIMIT, "fields": ",".join(COLUMNS)}
    return f"/api/listings?{urlencode(asked)}"


def _rivals(glyphd: int, datasette: int) -> dict[str, Rival]:
    pages = Rival(glyphd, listing_requests())
    table = Rival(datasette, _table_requests())
    _require_same_rows(pages, table)
    return {
        "glyphd": pages,
        "table": table,
        "sql": Rival(datasette, _sql_requests()),
        "unchanged": Rival(glyphd, _conditional(pages), expected=304),
    }


def _table_requests() -> Requests:
    return [(table_path(model, str(MIN_SCORE)), {}) for model in MODELS]


def table_path(model: str, min_score: str) -> str:
    """The path of a table's JSON in Datasette, without what glyphd doesn't do either: counts,
    facets."""
    asked = {
        "model": model,
        "score__gte": min_score,
        "_sort_desc": "seen_at",
        "_size": LIMIT,
        "_shape": "array",
        "_nocount": 1,
        "_nofacet": 1,
        "_nosuggest": 1,
    }
    return f"/peer/listings.json?{urlencode(asked)}"


def _sql_requests() -> Requests:
    """Requests to Datasette with a query in SQL: less work for it, more for its user."""
    sql = f"SELECT {COLUMN_LIST} FROM listings WHERE model = :model AND score >= :score"
    sql += f" ORDER BY seen_at DESC LIMIT {LIMIT}"
    fixed = {"sql": sql, "score": MIN_SCORE, "_shape": "array"}
    return [("/peer.json?" + urlencode({"model": model, **fixed}), {}) for model in MODELS]


def _conditional(rival: Rival) -> Requests:
    """The same requests, with the ETags of their answers."""
    with Client(rival.port) as client:
        return [
            (path, {"If-None-Match": client.get_ok(path).headers["ETag"]})
            for path, _ in rival.requests
        ]


def _require_same_rows(one: Rival, another: Rival) -> None:
    """Asserts that both return the same listings in the same order."""
    for (path, _), (other_path, _) in zip(one.requests, another.requests, strict=True):
        assert _urls(one.port, path) == _urls(
            another.port, other_path
        ), f"{path} and {other_path} differ"


def _urls(port: int, path: str) -> list[str]:
    with Client(port) as client:
        return [row["source_url"] for row in json.loads(client.get_ok(path).body)]


def _alternate(plan: Plan, rivals: dict[str, Rival]) -> dict[str, Figures]:
    figures: defaultdict[str, Figures] = defaultdict(Figures)
    for _ in plan.rounds(ROUNDS):
        for name, rival in rivals.items():
            seconds = max(0.5, LOAD_SECONDS * plan.scale)
            job = Job(
                rival.port,
                rival.requests,
                rival.expected,
                warmup_seconds=seconds / 5,
                seconds=seconds,
            )
            figures[name].add(run_load(job))
    return figures


def _results(figures: dict[str, Figures]) -> list[Result]:
    rates = {name: per_second(one.per_second, "requests") for name, one in figures.items()}
    tails = {name: milliseconds(one.p99) for name, one in figures.items()}
    middles = {name: milliseconds(one.p50) for name, one in figures.items()}
    return [
        Result("pages", rates["glyphd"], "Datasette's table", rates["table"], at_least(3)),
        Result("… p50", middles["glyphd"], "Datasette's table", middles["table"]),
        Result("… p99", tails["glyphd"], "Datasette's table", tails["table"], below(1)),
        Result("… again", rates["glyphd"], "Datasette's SQL", rates["sql"]),
        Result(
            "pages answered 304",
            rates["unchanged"],
            "Datasette's table",
            rates["table"],
            at_least(10),
        ),
        Result(
            "the client's own load meanwhile",
            _busy(figures["unchanged"]),
            "with pages",
            _busy(figures["glyphd"]),
        ),
    ]


def _busy(figures: Figures) -> Sample:
    return Sample(tuple(100 * load for load in figures.client_load), "% of a core")
