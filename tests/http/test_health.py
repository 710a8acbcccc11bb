"""`GET /api/health` and `/api/ready`: whether the service is alive, and whether it can work."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from glyphd.db.migrations import migrate
from glyphd.db.registry_models import Worker
from glyphd.importing.integrity_log import IntegrityLog
from glyphd.times import utc_text
from tests.damaging import overwrite_table
from tests.service import Service, problem

Spoil = Callable[[Service], None]


@pytest.fixture
def ready_service(service: Service) -> Service:
    """A service whose worker has just sent a heartbeat."""
    service.greet()
    return service


def _checks(service: Service) -> dict[str, Any]:
    found: dict[str, Any] = problem(service.http.get("/api/ready", status=503))["checks"]
    return found


def _worker_was_last_seen(service: Service, seconds_ago: float) -> None:
    database = service.services.registry.database
    moment = utc_text(datetime.now(UTC) - timedelta(seconds=seconds_ago))
    with database.connection_context():
        database.execute(Worker.update(heartbeat_at=moment))


def _outdate(service: Service) -> None:
    migrate(service.settings, "archive:1")


def _lose_archive(service: Service) -> None:
    service.settings.archive_path.unlink()


def _lose_registry(service: Service) -> None:
    service.settings.registry_path.unlink()


def _spoil_registry(service: Service) -> None:
    overwrite_table(service.settings.registry_path, "workers")


def _spoil_uploads(service: Service) -> None:
    shutil.rmtree(service.settings.uploads_dir, ignore_errors=True)
    service.settings.uploads_dir.touch()


def test_health_says_that_the_process_answers(service: Service) -> None:
    answer = service.http.get("/api/health")
    assert (answer.json, answer.headers["Cache-Control"]) == ({"status": "ok"}, "no-store")


def test_health_asks_nothing_of_the_databases(service: Service) -> None:
    shutil.rmtree(service.settings.data_dir)
    assert service.http.get("/api/health").json == {"status": "ok"}


def test_ready_names_every_check(ready_service: Service) -> None:
    answer = ready_service.http.get("/api/ready")
    assert answer.json == {
        "status": "ready",
        "checks": dict.fromkeys(
            ("schema", "registry", "queue", "uploads", "disk", "worker", "imports", "integrity"),
            "ok",
        ),
        "integrity": None,
        "warnings": [],
    }
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("spoil", "check", "reason"),
    [
        (
            _outdate,
            "schema",
            "the archive is at step 1 of 9: run `glyphd migrate`, then start again",
        ),
        (_lose_archive, "schema", "the archive is missing or empty: restore it from a backup"),
        (_lose_registry, "registry", "there is no database gpu.registry.sqlite yet"),
        (_spoil_registry, "worker", "its database is damaged: `glyphd check` says where"),
        (_spoil_uploads, "uploads", "it can't be used; the log says why"),
    ],
)
def test_ready_says_what_is_wrong(
    ready_service: Service, spoil: Spoil, check: str, reason: str
) -> None:
    spoil(ready_service)
    answer = ready_service.http.get("/api/ready", status=503)
    found = problem(answer)
    assert (found["code"], found["checks"][check]) == ("not_ready", reason)
    assert f"{check}: {reason}" in found["detail"]
    assert str(ready_service.settings.data_dir) not in answer.text


def test_a_queue_that_somebody_holds_is_not_ready(ready_service: Service) -> None:
    path = ready_service.settings.queue_path
    ready_service.http.get("/api/ready")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert _checks(ready_service)["queue"] == "it can't be used; the log says why"
    assert ready_service.http.get("/api/ready").json["checks"]["queue"] == "ok"


def test_a_spoiled_queue_is_replaced(ready_service: Service) -> None:
    path = ready_service.settings.queue_path
    path.write_bytes(b"no database at all" * 100)
    assert ready_service.http.get("/api/ready").json["checks"]["queue"] == "ok"
    assert len(list(path.parent.glob(f"{path.name}.unusable-*"))) == 1


def test_ready_tells_the_last_check_for_damage(ready_service: Service) -> None:
    integrity = IntegrityLog(ready_service.services.registry)
    integrity.record(
        [f"archive: Tree 5 page 7 of {ready_service.settings.archive_path}: btreeInitPage()"]
    )
    answer = ready_service.http.get("/api/ready", status=503)
    found = problem(answer)
    assert found["checks"]["integrity"].startswith(
        "the last check found damage in the archive: restore a backup, or"
    )
    assert "glyphd rebuild" in found["checks"]["integrity"]
    assert found["integrity"]["result"] == "damaged"
    assert str(ready_service.settings.data_dir) not in answer.text
    integrity.record([])
    sound = ready_service.http.get("/api/ready").json
    last = integrity.last()
    assert last is not None
    assert sound["integrity"] == {"result": "sound", "checked_at": last.checked_at}
    assert last.checked_at > found["integrity"]["checked_at"]


def test_without_a_worker_it_is_not_ready(service: Service) -> None:
    assert "glyphd worker" in _checks(service)["worker"]


@pytest.mark.parametrize(("seconds_ago", "status"), [(8, 200), (11, 503)])
def test_a_worker_counts_while_its_heartbeat_is_recent(
    ready_service: Service, seconds_ago: float, status: int
) -> None:
    _worker_was_last_seen(ready_service, seconds_ago)
    assert ready_service.http.get("/api/ready", status="*").status_code == status


def test_being_asked_leaves_no_file_behind(ready_service: Service) -> None:
    ready_service.http.get("/api/ready")
    assert ready_service.kept() == []


@pytest.mark.parametrize("path", ["/api/health", "/api/ready"])
def test_they_take_no_parameters(service: Service, path: str) -> None:
    assert service.refusal(f"{path}?verbose=1")["code"] == "unknown_parameter"
