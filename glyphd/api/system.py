"""Health, readiness and the published row contract."""

import csv
import io
from collections.abc import Callable
from typing import Any

import structlog
from bottle import HTTPResponse

from glyphd.api.answers import answer_bytes, answer_json
from glyphd.api.parameters import query
from glyphd.api.problems import problem
from glyphd.api.routes import Route
from glyphd.contracts.headers import ALIASES
from glyphd.contracts.listings import COLUMN_NAMES, REQUIRED, ROW_SCHEMA_VERSION, STORED_COLUMNS, GPUListingDTO
from glyphd.contracts.queries import NoParameters
from glyphd.db.migration_sets import require_current_schema
from glyphd.db.troubles import Trouble, trouble_of
from glyphd.disk import require_free_disk
from glyphd.errors import DatabaseDamaged, GlyphdError, Unavailable
from glyphd.importing.integrity_log import DAMAGED, IntegrityLog
from glyphd.services import Services

log = structlog.get_logger(__name__)


class SystemApi:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._checks: dict[str, Callable[[], object]] = {
            "schema": lambda: require_current_schema(services.settings),
            "registry": services.registry.check_writable,
            "queue": lambda: services.queue().check_usable(),
            "uploads": services.uploads.check_writable,
            "disk": lambda: require_free_disk(services.settings),
            "worker": self._require_worker,
            "imports": self._require_none_resting,
            "integrity": self._require_sound,
        }

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/api/health", self.health),
            Route("GET", "/api/ready", self.ready),
            Route("GET", "/api/schema", self.schema),
            Route("GET", "/api/schema.csv", self.template),
        ]

    def health(self) -> HTTPResponse:
        """Alive: the process answers."""
        query(NoParameters)
        return answer_json({"status": "ok"}, Cache_Control="no-store")

    def ready(self) -> HTTPResponse:
        """Able to take an import in and to carry it out; 503 says what is wrong."""
        query(NoParameters)
        checks = {name: _checked(name, check) for name, check in self._checks.items()}
        members: dict[str, Any] = {"checks": checks, "integrity": self._integrity()}
        wrong = [f"{name}: {found}" for name, found in checks.items() if found != "ok"]
        if wrong:
            return problem(503, "not_ready", "The service is not ready", "; ".join(wrong), **members)
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

    def template(self) -> HTTPResponse:
        """An empty CSV with all columns."""
        query(NoParameters)
        text = io.StringIO()
        csv.writer(text).writerow(COLUMN_NAMES)
        disposition = 'attachment; filename="listings.csv"'
        return answer_bytes(text.getvalue().encode(), "text/csv; charset=utf-8", Content_Disposition=disposition)

    def _require_worker(self) -> None:
        if not self._services.registry.workers_alive():
            raise GlyphdError("no worker gives a sign of life: start one with `glyphd worker`")

    def _require_none_resting(self) -> None:
        """Trouble that keeps an import from being carried out keeps others from it too, or will soon."""
        reasons = self._services.registry.resting()
        if reasons:
            why = next(filter(None, reasons), "the worker's log says why")
            raise Unavailable(f"{len(reasons)} waiting to be tried again: {why}")

    def _integrity(self) -> dict[str, str] | None:
        """The result of the last check for damage; None when there was none, or nobody can say."""
        try:
            last = IntegrityLog(self._services.registry).last()
        except Exception:
            log.warning("check_failed", check="integrity", exc_info=True)
            return None
        return {"result": last.result, "checked_at": last.checked_at} if last else None

    def _require_sound(self) -> None:
        last = IntegrityLog(self._services.registry).last()
        if last is not None and last.result == DAMAGED:
            names = sorted({line.partition(":")[0] for line in (last.detail or "").splitlines()})
            raise DatabaseDamaged(
                f"the last check found damage in the {' and the '.join(names)}: restore a backup, or make a damaged "
                "archive again with `glyphd rebuild`; the worker checks again when it starts"
            )


def row_json_schema() -> dict[str, Any]:
    """JSON Schema of one row."""
    schema = GPUListingDTO.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema


def _checked(name: str, check: Callable[[], object]) -> str:
    """`ok`, or what is wrong, in words that show no path."""
    try:
        check()
    except GlyphdError as error:
        if error.reason is not None:
            log.warning("check_failed", check=name, reason=error.reason)
        return error.detail
    except Exception as error:
        if trouble_of(error) is Trouble.DAMAGED:
            log.error("database_damaged", check=name, reason=str(error))
            return "its database is damaged: `glyphd check` says where"
        log.warning("check_failed", check=name, exc_info=True)
        return "it can't be used; the log says why"
    return "ok"
