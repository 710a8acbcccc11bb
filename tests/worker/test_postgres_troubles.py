"""Trouble of a real PostgreSQL server: a good file waits until it is over, and is then imported."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from glyphd.db.connections import close_all, open_archive
from glyphd.db.postgres_sessions import open_postgres
from glyphd.settings import Settings
from glyphd.uploads import UploadStore
from tests.importing.jobs import from_now
from tests.service import Service, offers, open_service
from tests.worker.uploads import EventfulUploads
from worker.context import WorkerContext
from worker.resting import MOST_TRIES_FOR_ROOM
from worker.run_job import run_job

ROWS = tuple(f"L4,{price},0.7,EU,Acme {price},2025-07-29" for price in range(1, 3000))


class PostgresTrouble(NamedTuple):
    """What happens to the server, what ends it, and a part of the reason in the status."""

    blows: tuple[str, ...]
    cure: str
    reason: str


TROUBLES = (
    PostgresTrouble(
        ("REVOKE TEMP ON DATABASE {database} FROM PUBLIC, {role}",),
        "GRANT TEMP ON DATABASE {database} TO PUBLIC",
        "a privilege is missing",
    ),
    PostgresTrouble(
        ("ALTER TABLE scored_listings RENAME TO away",),
        "ALTER TABLE away RENAME TO scored_listings",
        "does not match this version",
    ),
    PostgresTrouble(
        (
            "ALTER ROLE {role} SET temp_file_limit = 64",
            "ALTER ROLE {role} SET work_mem = 64",
            "ALTER ROLE {role} SET maintenance_work_mem = 1024",
        ),
        "ALTER ROLE {role} RESET ALL",
        "its limit",
    ),
)


@pytest.fixture
def role(empty_postgres_settings: Settings) -> Iterator[str]:
    """A role that owns the database but is no superuser."""
    name = f"clerk_{uuid4().hex}"
    _execute(
        empty_postgres_settings,
        f"CREATE ROLE {name} LOGIN",
        f"ALTER DATABASE {_database(empty_postgres_settings)} OWNER TO {name}",
    )
    yield name
    _execute(
        empty_postgres_settings,
        f"REASSIGN OWNED BY {name} TO postgres",
        f"DROP OWNED BY {name}",
        f"DROP ROLE {name}",
    )


@pytest.fixture
def clerk(empty_postgres_settings: Settings, role: str) -> Iterator[Service]:
    """A service whose role owns the database and has no other privileges."""
    url = str(empty_postgres_settings.database_url).replace("postgres@", f"{role}@", 1)
    service = open_service(empty_postgres_settings.model_copy(update={"database_url": url}))
    yield service
    close_all(service.services.archive)
    close_all(service.services.registry.database)


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.reason)
def test_a_sound_file_waits_until_it_is_over(
    clerk: Service, empty_postgres_settings: Settings, role: str, trouble: PostgresTrouble
) -> None:
    names = {"database": _database(empty_postgres_settings), "role": role}
    _execute(empty_postgres_settings, *(blow.format(**names) for blow in trouble.blows))
    import_id = clerk.upload(offers(*ROWS)).json["import_id"]
    _run(clerk, import_id)
    status = clerk.status(import_id)
    assert (status["status"], status["error"]) == ("queued", None)
    assert trouble.reason in status["reason"]
    _execute(empty_postgres_settings, trouble.cure.format(**names))
    clerk.alter(import_id, not_before=from_now(-1))
    _run(clerk, import_id)
    status = clerk.status(import_id)
    assert (status["status"], status["record_count"], status["reason"]) == (
        "succeeded",
        len(ROWS),
        None,
    )


def test_an_import_beyond_the_limit_of_temporary_files_ends_while_others_succeed(
    clerk: Service, empty_postgres_settings: Settings, role: str
) -> None:
    _execute(empty_postgres_settings, *(blow.format(role=role) for blow in TROUBLES[-1].blows))
    import_id = clerk.upload(offers(*ROWS)).json["import_id"]
    _run(clerk, import_id)
    clerk.alter(import_id, handback_count=MOST_TRIES_FOR_ROOM - 1, not_before=from_now(-1))
    assert _imported(clerk, ROWS[0])["status"] == "succeeded"
    _run(clerk, import_id)
    status = clerk.status(import_id)
    assert (status["status"], (status["error"] or {}).get("code")) == (
        "failed",
        "too_large_for_disk",
    )


@pytest.mark.parametrize(
    "setting",
    ["statement_timeout = 1", "lock_timeout = 1", "idle_in_transaction_session_timeout = 1"],
)
def test_time_outs_of_the_role_end_no_import(
    clerk: Service, empty_postgres_settings: Settings, role: str, setting: str
) -> None:
    _execute(empty_postgres_settings, f"ALTER ROLE {role} SET {setting}")
    assert _imported(clerk)["status"] == "succeeded"


def test_sessions_ended_amid_an_import_make_it_wait(
    clerk: Service, empty_postgres_settings: Settings
) -> None:
    import_id = clerk.upload(offers(*ROWS)).json["import_id"]
    _run(
        clerk,
        import_id,
        EventfulUploads(clerk.settings, lambda: _end_sessions(empty_postgres_settings)),
    )
    status = clerk.status(import_id)
    assert (status["status"], status["reason"]) == (
        "queued",
        "the connection to the database was lost",
    )
    clerk.alter(import_id, not_before=from_now(-1))
    _run(clerk, import_id)
    assert clerk.status(import_id)["record_count"] == len(ROWS)


@pytest.mark.parametrize(
    "path", ["/api/listings", "/api/listings?format=csv", "/api/models", "/api/imports"]
)
def test_a_session_ended_amid_a_question_is_503_and_names_nobody(
    clerk: Service,
    empty_postgres_settings: Settings,
    role: str,
    path: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _imported(clerk)
    for database in (clerk.services.archive, clerk.services.registry.database):
        monkeypatch.setattr(
            database,
            "execute_sql",
            _after(lambda: _end_sessions(empty_postgres_settings), database.execute_sql),
        )
    answer = clerk.http.get(path, status=503)
    assert answer.json["code"] in ("unavailable", "not_ready")
    assert not re.search(
        rf"{role}|{_database(empty_postgres_settings)}|/tmp|socket|FATAL|libpq|psycopg|SSL",
        answer.text,
    )


def test_a_server_that_is_gone_is_503_and_names_nobody(
    clerk: Service, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = str(clerk.settings.database_url).partition("?")[0] + "?host=/nowhere"
    for database in (clerk.services.archive, clerk.services.registry.database):
        close_all(database)
        monkeypatch.setattr(database, "database", gone)
    for path in ("/api/listings", "/api/imports"):
        answer = clerk.http.get(path, status=503)
        assert (answer.json["code"], answer.json["detail"]) == (
            "not_ready",
            "PostgreSQL does not answer",
        )
        assert not re.search(rf"{role}|nowhere", answer.text)


def _after(event: Callable[[], object], execute: Callable[..., Any]) -> Callable[..., Any]:
    def execute_after(*arguments: Any, **options: Any) -> Any:
        event()
        return execute(*arguments, **options)

    return execute_after


def _imported(service: Service, *rows: str) -> dict[str, Any]:
    import_id = service.upload(offers(*rows or ROWS)).json["import_id"]
    _run(service, import_id)
    return service.status(import_id)


def _run(service: Service, import_id: str, uploads: UploadStore | None = None) -> None:
    job = service.services.registry.find_import(import_id)
    assert job is not None
    with _context(service, uploads) as context:
        run_job(context, job.id)


@contextmanager
def _context(service: Service, uploads: UploadStore | None) -> Iterator[WorkerContext]:
    kept = service.services.uploads
    archive = open_archive(service.settings, read_only=False)
    service.services.uploads = uploads or kept
    try:
        yield WorkerContext(service.services, archive, Event())
    finally:
        service.services.uploads = kept
        close_all(archive)
        close_all(service.services.registry.database)


def _database(settings: Settings) -> str:
    return str(settings.database_url).partition("?")[0].rpartition("/")[2]


def _execute(settings: Settings, *statements: str) -> None:
    admin = open_postgres(settings)
    with admin.connection_context():
        for statement in statements:
            admin.execute_sql(statement)


def _end_sessions(settings: Settings) -> None:
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    _execute(
        settings, f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}"
    )
