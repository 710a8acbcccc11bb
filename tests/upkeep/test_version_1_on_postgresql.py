"""An archive of version 1 on PostgreSQL: everything refuses it except `glyphd rebuild`, which
recreates it."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.upkeep.ledgers_of_version_1 import EVENTS, REFUSED, invoke, unpack


@pytest.fixture
def postgresql_of_version_1(tmp_path: Path, postgres_database: str) -> dict[str, str]:
    """The environment of a service on PostgreSQL with tables and uploads of version 1."""
    unpack("postgresql", tmp_path)
    with psycopg.connect(postgres_database, autocommit=True) as database:
        database.execute((tmp_path / "data" / "dump.sql").read_bytes())
    return {"GLYPHD_DATABASE_URL": postgres_database, "GLYPHD_DATA_DIR": str(tmp_path / "data")}


def _tables(environment: dict[str, str]) -> list[Any]:
    query = (
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', "
        "'information_schema')"
    )
    with psycopg.connect(environment["GLYPHD_DATABASE_URL"]) as database:
        steps = database.execute(
            "SELECT name FROM public.registry_migrations ORDER BY id"
        ).fetchall()
        return [*steps, *sorted(database.execute(query).fetchall())]


def test_on_postgresql_it_is_refused_and_made_again(
    postgresql_of_version_1: dict[str, str],
) -> None:
    before = _tables(postgresql_of_version_1)
    for command in (
        "serve",
        "worker",
        "migrate",
        "migrate --to registry:3",
        "init-db",
        "check",
        "verify --all",
    ):
        found = invoke(*command.split(), **postgresql_of_version_1)
        assert (found.exit_code, found.stderr.count("\n")) == (2, 1)
        assert "is an archive of version 1" in found.stderr
        assert "`glyphd rebuild" in found.stderr
    assert _tables(postgresql_of_version_1) == before
    found = invoke("rebuild", **postgresql_of_version_1)
    first, aside, *notes = found.stdout.splitlines()
    assert first.endswith(f": 5 imports with {EVENTS} events, 3 rollbacks and restores")
    assert all(said in line for said, line in zip(REFUSED, notes, strict=True))
    schema = aside.removeprefix("what it replaced is in the schema ")
    assert (schema, "scored_listings") in _tables(postgresql_of_version_1)
    assert invoke("verify", "--all", **postgresql_of_version_1).exit_code == 0
    assert invoke("check", **postgresql_of_version_1).exit_code == 0


def test_on_postgresql_an_error_leaves_the_old_tables(
    postgresql_of_version_1: dict[str, str],
) -> None:
    uploads = Path(postgresql_of_version_1["GLYPHD_DATA_DIR"]) / "gpu.uploads"
    csv = next(path for path in uploads.glob("*.csv") if b"A100" in path.read_bytes())
    content = csv.read_bytes()
    csv.write_bytes(content + b"\n")
    found = invoke("rebuild", **postgresql_of_version_1)
    assert (found.exit_code, csv.stem in found.stderr) == (2, True)
    assert "version 1" in invoke("check", **postgresql_of_version_1).stderr
    csv.write_bytes(content)
    assert invoke("rebuild", **postgresql_of_version_1).exit_code == 0
    assert invoke("verify", "--all", **postgresql_of_version_1).exit_code == 0
