"""`/status`: whether everything works, for the operator."""

from importlib.metadata import version
from platform import python_version
from sqlite3 import sqlite_version
from typing import Any

from bottle import HTTPResponse

from glyphd.api.needs import READ
from glyphd.api.readiness import OK, Readiness
from glyphd.api.routes import Route
from glyphd.contracts.columns import ROW_SCHEMA_VERSION
from glyphd.contracts.parameter_reading import read_parameters
from glyphd.contracts.queries import Query, QueryTime
from glyphd.disk import free_disk_bytes
from glyphd.events.webhook_records import WebhookRecords
from glyphd.events.webhook_targets import read_target
from glyphd.importing.known_workers import known_workers
from glyphd.importing.source_states import source_states
from glyphd.services import Services
from glyphd.times import utc_now, utc_text
from glyphd.web.theme import Theme, here

MOST_SHOWN = 20
MEANINGS = {
    "schema": "The databases have the schema of this version",
    "registry": "New imports can be recorded",
    "queue": "Workers can be notified of new work",
    "uploads": "Uploaded files can be kept",
    "disk": "There is disk space for another upload",
    "worker": "A worker has sent a heartbeat in the last ten seconds",
    "imports": "No import is waiting to be tried again",
    "integrity": "No database is known to be damaged",
}


class ServicePageQuery(Query):
    """The page shows the present, whatever moment the others show."""

    as_of: QueryTime | None = None


class ServiceStateScreen:
    def __init__(self, services: Services, theme: Theme) -> None:
        self._services = services
        self._readiness = Readiness(services)
        self._theme = theme

    def routes(self) -> list[Route]:
        return [Route("GET", "/status", self.show, READ)]

    def show(self) -> HTTPResponse:
        read_parameters(ServicePageQuery, here().pairs)
        checks = self._readiness.checks()
        unfinished = self._services.registry.unfinished()
        values = {
            "checks": [(name, MEANINGS[name], found) for name, found in checks.items()],
            "is_ready": all(found == OK for found in checks.values()),
            "integrity": self._readiness.integrity(),
            "workers": known_workers(self._services.registry),
            "unfinished": unfinished[:MOST_SHOWN],
            "waiting": len(unfinished),
            "silent": self._silent_sources(),
            "webhooks": self._failing_webhooks(),
            "free_bytes": free_disk_bytes(self._services.settings.scratch_dir),
            "reserve_bytes": self._services.settings.disk_reserve_bytes,
            "versions": self._versions(),
        }
        return self._theme.page("service_state.html", values)

    def _silent_sources(self) -> list[dict[str, Any]]:
        """The silent sources, which an operator should look at, the longest silence first."""
        states = source_states(self._services.registry, utc_now())
        found = [state for state in states if state.silent_since is not None]
        found.sort(key=lambda state: state.last_success.finished_at)
        return [
            {"source": state.source, "last_success_at": utc_text(state.last_success.finished_at)}
            for state in found[:MOST_SHOWN]
        ]

    def _failing_webhooks(self) -> list[dict[str, Any]]:
        """The webhooks without the paths of their URLs, which may contain a secret of the
        receiver."""
        registry = self._services.registry
        with registry.connected():
            found = WebhookRecords(registry.database, allows_private=True).failing()
            return [{"webhook": one, "host": read_target(one.url).authority} for one in found]

    def _versions(self) -> dict[str, str]:
        engine = (
            "PostgreSQL" if self._services.settings.database_url else f"SQLite {sqlite_version}"
        )
        return {
            "glyphd": version("glyphd"),
            "Row contract": str(ROW_SCHEMA_VERSION),
            "Python": python_version(),
            "Databases": engine,
        }
