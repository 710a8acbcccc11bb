"""The settings of a PostgreSQL session, and the message when none can be opened."""

import socket
from contextlib import ExitStack, closing
from threading import Thread

import pytest
from peewee import Database

from glyphd.db import postgres_sessions
from glyphd.db.connections import close_all, open_archive, open_registry
from glyphd.db.dialects import is_sqlite
from glyphd.db.postgres_sessions import open_postgres
from glyphd.errors import InvalidSettings, NotReady, Unavailable
from glyphd.settings import Settings


def test_postgresql_sessions_are_in_utc_and_watch_their_client(postgres_settings: Settings) -> None:
    registry = open_registry(postgres_settings)
    with registry.connection_context():
        shown = [
            registry.execute_sql(f"SHOW {name}").fetchone()[0]
            for name in postgres_sessions._SESSION
        ]
    assert shown[:2] == ["UTC", "500ms"]
    close_all(registry)


@pytest.mark.parametrize(
    "name", ["statement_timeout", "lock_timeout", "idle_session_timeout", "transaction_timeout"]
)
def test_postgresql_sessions_have_no_time_out_whatever_is_set_for_them(
    postgres_settings: Settings, name: str
) -> None:
    shown = _shown_after(postgres_settings, f"SET {name} = '7s'", name)
    assert shown == "0"


def test_postgresql_commits_are_durable_whatever_is_set_for_them(
    postgres_settings: Settings,
) -> None:
    assert (
        _shown_after(postgres_settings, "SET synchronous_commit = off", "synchronous_commit")
        == "on"
    )


def _shown_after(settings: Settings, change: str, name: str) -> str:
    """The value of a setting in a new session, after a change of the database's own settings."""
    admin = open_postgres(settings)
    with admin.connection_context():
        (database,) = admin.execute_sql("SELECT current_database()").fetchone()
        admin.execute_sql(f'ALTER DATABASE "{database}" {change}')
    registry = open_registry(settings)
    with registry.connection_context():
        (shown,) = registry.execute_sql(f"SHOW {name}").fetchone()
    close_all(registry)
    return str(shown)


def test_options_in_the_url_are_kept(postgres_settings: Settings) -> None:
    url = f"{postgres_settings.database_url}&options=-c%20work_mem%3D7MB"
    database = open_postgres(postgres_settings.model_copy(update={"database_url": url}))
    with database.connection_context():
        shown = [
            database.execute_sql(f"SHOW {name}").fetchone()[0] for name in ("work_mem", "timezone")
        ]
    assert shown == ["7MB", "UTC"]


def test_a_password_with_escapes_is_unquoted(postgres_settings: Settings) -> None:
    """PostgreSQL asks for no password here, so the role's name stands for it: both are unquoted in
    the same way."""
    admin = open_postgres(postgres_settings)
    with admin.connection_context():
        admin.execute_sql('CREATE ROLE "p@ss/word" LOGIN')
        try:
            url = str(postgres_settings.database_url).replace(
                "postgres@", "p%40ss%2Fword:p%40ss@", 1
            )
            database = open_postgres(postgres_settings.model_copy(update={"database_url": url}))
            with database.connection_context():
                assert database.execute_sql("SELECT current_user").fetchone()[0] == "p@ss/word"
        finally:
            admin.execute_sql('DROP ROLE "p@ss/word"')


def test_the_pool_says_when_every_connection_is_in_use(
    postgres_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_sessions, "POOL_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(postgres_sessions, "POOL_SPARE", -postgres_settings.threads + 1)
    database = open_archive(postgres_settings, read_only=True)
    errors: list[BaseException] = []
    with database.connection_context():
        thread = Thread(target=_note_failure, args=(database, errors))
        thread.start()
        thread.join()
    assert [type(error) for error in errors] == [Unavailable]
    close_all(database)


def test_a_server_that_does_not_answer_is_not_ready() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as unused:
        port = unused.getsockname()[1]
    settings = Settings(database_url=f"postgresql://somebody:secret@127.0.0.1:{port}/nothing")
    with ExitStack() as stack:
        for database in (
            open_archive(settings, read_only=True),
            open_registry(settings),
            open_postgres(settings),
        ):
            with pytest.raises(NotReady, match="PostgreSQL does not answer") as caught:
                stack.enter_context(database.connection_context())
            assert caught.value.detail == "PostgreSQL does not answer"
            assert str(port) in str(caught.value.reason)
            assert "secret" not in str(caught.value.reason)


def test_a_url_that_can_not_be_read_is_a_wrong_setting() -> None:
    with pytest.raises(InvalidSettings, match="GLYPHD_DATABASE_URL can't be read"):
        open_registry(Settings(database_url="postgresql://host/db?no_such_option=1"))


def test_postgresql_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_sessions, "find_spec", lambda name: None)
    with pytest.raises(InvalidSettings, match=r"install glyphd\[postgres\]"):
        open_registry(Settings(database_url="postgresql://host/db"))


def test_a_pool_is_used_again_after_the_server_dropped_a_connection(
    postgres_settings: Settings,
) -> None:
    database = open_registry(postgres_settings)
    with database.connection_context():
        (backend,) = database.execute_sql("SELECT pg_backend_pid()").fetchone()
    admin = open_postgres(postgres_settings)
    with admin.connection_context():
        admin.execute_sql("SELECT pg_terminate_backend(%s, 5000)", (backend,))
    with database.connection_context():
        assert database.execute_sql("SELECT 1").fetchone() == (1,)
    close_all(database)


def _note_failure(database: Database, errors: list[BaseException]) -> None:
    try:
        database.connect()
    except Unavailable as error:
        errors.append(error)
    assert not is_sqlite(database)
