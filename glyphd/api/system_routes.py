"""Health, readiness and the published row contract."""

import csv
import io
from typing import Any

from bottle import HTTPResponse

from glyphd.api.answers import answer_bytes, answer_json
from glyphd.api.descriptions import CSV, TEXT, About, Answer, Content, Many, json_answer
from glyphd.api.needs import OPEN, OPEN_WITH_MORE, READ_BY_ALL
from glyphd.api.problems import problem
from glyphd.api.query_strings import query
from glyphd.api.readiness import OK, Readiness
from glyphd.api.routes import Route
from glyphd.api.visitors import visitor
from glyphd.contracts.column_names import ALIASES
from glyphd.contracts.columns import (
    COLUMN_NAMES,
    FIRST_VERSION,
    REQUIRED,
    ROW_SCHEMA_VERSION,
    STORED_COLUMNS,
    columns_of,
)
from glyphd.contracts.gpu_listings import GPUListingDTO
from glyphd.contracts.queries import NoParameters
from glyphd.contracts.service_views import HealthView, ReadyView, RowContractView, RowVersionView
from glyphd.errors import NotReady
from glyphd.services import Services

_READY = {
    "status": "ready",
    "checks": {
        "schema": "ok",
        "registry": "ok",
        "queue": "ok",
        "uploads": "ok",
        "disk": "ok",
        "worker": "ok",
        "imports": "ok",
        "integrity": "ok",
    },
    "integrity": {"result": "sound", "checked_at": "2026-11-21T03:12:44.018293Z"},
    "warnings": [],
}
HEALTH = About(
    "get_health",
    "Service",
    "Whether the process is alive",
    (json_answer(HealthView, "The process is alive", example={"status": "ok"}),),
    "For load balancers: it answers under any host name, and uses no database.",
)
READY = About(
    "get_ready",
    "Service",
    "Whether the service can accept an import and run it",
    (json_answer(ReadyView, "The service is ready", example=_READY),),
    "503 `not_ready` has the same `checks`, with the problem of each.",
    problems=(NotReady,),
)
SCHEMA = About(
    "get_schema",
    "Service",
    "The row contract as JSON Schema, and the table of aliases",
    (json_answer(RowContractView, "The row contract"),),
    "The columns that a file or a row may have, and what each may contain.",
)
VERSIONS = About(
    "list_schema_versions",
    "Service",
    "The versions of the row contract that events in the archive can have, oldest first",
    (json_answer(Many(RowVersionView), "The versions"),),
    "Each event has the `schema_version` by which its row was read.",
)
TEMPLATE = About(
    "get_schema_csv",
    "Service",
    "An empty CSV with all columns",
    (Answer(200, "A header line", (Content(CSV, TEXT),), ("Content-Disposition",)),),
    "A template to fill in.",
)


class SystemApi:
    def __init__(self, services: Services) -> None:
        self._readiness = Readiness(services)

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/api/health", self.health, OPEN, about=HEALTH),
            Route("GET", "/api/ready", self.ready, OPEN_WITH_MORE, about=READY),
            Route("GET", "/api/schema", self.schema, READ_BY_ALL, about=SCHEMA),
            Route("GET", "/api/schema/versions", self.versions, READ_BY_ALL, about=VERSIONS),
            Route("GET", "/api/schema.csv", self.template, READ_BY_ALL, about=TEMPLATE),
        ]

    def health(self) -> HTTPResponse:
        """Whether the process is alive: it answers."""
        query(NoParameters)
        return answer_json(HealthView(), Cache_Control="no-store")

    def ready(self) -> HTTPResponse:
        """Whether the service can accept and run an import; 503 says what is wrong."""
        query(NoParameters)
        checks = self._readiness.checks()
        members: dict[str, Any] = {
            "checks": checks,
            "integrity": self._readiness.integrity(),
            "warnings": self._readiness.warnings(),
        }
        wrong = [f"{name}: {found}" for name, found in checks.items() if found != OK]
        if not visitor().may(READ_BY_ALL):
            return _status_alone(is_ready=not wrong)
        if wrong:
            return problem(
                503, "not_ready", "The service is not ready", "; ".join(wrong), **members
            )
        return answer_json({"status": "ready", **members}, Cache_Control="no-store")

    def schema(self) -> HTTPResponse:
        """The row contract as JSON Schema, and the alias table."""
        query(NoParameters)
        return answer_json(
            {
                "schema_version": ROW_SCHEMA_VERSION,
                "columns": list(STORED_COLUMNS),
                "required": list(REQUIRED),
                "aliases": ALIASES,
                "json_schema": row_json_schema(),
            }
        )

    def versions(self) -> HTTPResponse:
        """The versions of the row contract, oldest first."""
        query(NoParameters)
        found, before = [], frozenset[str]()
        for version in range(FIRST_VERSION, ROW_SCHEMA_VERSION + 1):
            columns = columns_of(version, STORED_COLUMNS)
            added = [name for name in columns if name not in before]
            found.append({"schema_version": version, "columns": list(columns), "added": added})
            before = frozenset(columns)
        return answer_json(found)

    def template(self) -> HTTPResponse:
        """An empty CSV with all columns."""
        query(NoParameters)
        text = io.StringIO()
        csv.writer(text).writerow(COLUMN_NAMES)
        disposition = 'attachment; filename="listings.csv"'
        return answer_bytes(
            text.getvalue().encode(), "text/csv; charset=utf-8", Content_Disposition=disposition
        )


def _status_alone(*, is_ready: bool) -> HTTPResponse:
    """The answer for probes without a token, which does not say what is wrong."""
    if is_ready:
        return answer_json({"status": "ready"}, Cache_Control="no-store")
    detail = "send a token with the scope read to see why"
    return problem(503, "not_ready", "The service is not ready", detail)


def row_json_schema() -> dict[str, Any]:
    """JSON Schema of one row."""
    schema = GPUListingDTO.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema
