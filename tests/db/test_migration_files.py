"""The rules for every migration file: it is frozen, reversible, and only queues its statements."""

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from peewee import Database, PostgresqlDatabase, SqliteDatabase
from peewee_migrate import Router

from glyphd.db.migration_sets import ARCHIVE, SETS, MigrationSet, migrations_folder

COMMENT = re.compile(r"-- .*|'(?:[^']|'')*'")
FILES = sorted(path for steps in SETS for path in steps.folder.glob("*.py"))
DATABASES = [SqliteDatabase(None), PostgresqlDatabase(None)]

every_file = pytest.mark.parametrize(
    "path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}"
)


class Recorder:
    """A migrator that only records the SQL it is given."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def sql(self, statement: str) -> None:
        self.statements.append(statement)


@pytest.mark.parametrize("steps", SETS, ids=lambda steps: steps.name)
def test_steps_are_numbered_without_a_gap(steps: MigrationSet) -> None:
    assert [name[:3] for name in steps.packaged()] == [
        f"{number:03}" for number in range(1, len(steps.packaged()) + 1)
    ]


def test_migrations_lie_in_the_checkout_when_the_package_has_none() -> None:
    assert migrations_folder() == Path(__file__).parents[2] / "migrations"


@every_file
def test_it_imports_nothing_of_glyphd(path: Path) -> None:
    tree = ast.parse(path.read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= {"peewee", "peewee_migrate"}
    assert not any(isinstance(node, ast.Import) for node in ast.walk(tree))


@every_file
@pytest.mark.parametrize("database", DATABASES, ids=["sqlite", "postgresql"])
@pytest.mark.parametrize("direction", ["migrate", "rollback"])
def test_it_goes_both_ways_and_touches_no_database_itself(
    path: Path, database: Database, direction: str
) -> None:
    statements = _queued(path, direction, database)
    assert statements
    assert not any(";" in COMMENT.sub("", statement) for statement in statements)


@every_file
def test_it_records_itself_in_the_schema_version(path: Path) -> None:
    if path.parent.name != ARCHIVE.name:
        return
    number, name = int(path.stem[:3]), path.stem
    (recorded,) = [
        sql
        for sql in _queued(path, "migrate", DATABASES[0])
        if sql.startswith("INSERT INTO schema_version")
    ]
    assert f"VALUES ({number}, '{name}'," in recorded
    undone = _queued(path, "rollback", DATABASES[0])
    assert (
        "DROP TABLE schema_version" in undone
        or f"DELETE FROM schema_version WHERE name = '{name}'" in undone
    )


@pytest.mark.parametrize("steps", SETS, ids=lambda steps: steps.name)
def test_plain_peewee_migrate_can_run_them_too(tmp_path: Path, steps: MigrationSet) -> None:
    database = SqliteDatabase(str(tmp_path / "plain.sqlite"))
    for expected in (steps.packaged(), []):
        router = Router(database, migrate_dir=steps.folder, migrate_table=steps.history_table)
        assert router.run() == expected
        assert router.done == steps.packaged()
    database.close()


def _queued(path: Path, direction: str, database: Database) -> list[str]:
    names: dict[str, Any] = {}
    exec(compile(path.read_text(), path, "exec"), names)
    function: Callable[..., None] = names[direction]
    recorder = Recorder()
    function(recorder, database, fake=False)
    return recorder.statements
