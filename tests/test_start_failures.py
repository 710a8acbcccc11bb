"""A process that can't start on PostgreSQL prints one line without a password, and exits with code
2."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from glyphd.db.postgres_sessions import open_postgres
from glyphd.settings import Settings
from tests.e2e.processes import run

SECRET = "hunter2"


@pytest.fixture
def stranger(empty_postgres_settings: Settings) -> Iterator[str]:
    """The URL of a role that may create nothing in the database."""
    name, admin = f"stranger_{uuid4().hex}", open_postgres(empty_postgres_settings)
    with admin.connection_context():
        admin.execute_sql(f"CREATE ROLE {name} LOGIN")
        yield str(empty_postgres_settings.database_url).replace("postgres@", f"{name}:{SECRET}@", 1)
        admin.execute_sql(f"DROP ROLE {name}")


def _require_one_line(command: str, url: str, folder: Path) -> None:
    environment = {"GLYPHD_DATABASE_URL": url, "GLYPHD_DATA_DIR": str(folder)}
    done = run(command, environment=environment)
    assert (done.returncode, done.stderr.count("\n"), SECRET in done.stderr) == (
        2,
        1,
        False,
    ), done.stderr


@pytest.mark.parametrize("command", ["serve", "worker", "init-db"])
def test_a_missing_privilege(stranger: str, command: str, tmp_path: Path) -> None:
    _require_one_line(command, stranger, tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://somebody:{SECRET}@127.0.0.1:1/nothing",
        f"postgresql://somebody:{SECRET}@/nothing?host=/nowhere",
        f"postgresql://somebody:{SECRET}@host/nothing?no_such_option=1",
        f"postgresql://somebody:{SECRET[:3]}@{SECRET}@host/nothing",
        f"postgresql:/somebody:{SECRET}@host",
        f"postgresql://[{SECRET}",
        SECRET,
    ],
)
def test_a_server_that_is_not_there_and_a_malformed_url(url: str, tmp_path: Path) -> None:
    _require_one_line("init-db", url, tmp_path)
