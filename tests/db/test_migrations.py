"""Migrations go up and down on both databases, run once each, and lose nothing without being told
to."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from glyphd.db.connections import open_archive
from glyphd.db.drift import find_drift
from glyphd.db.migration_sets import ARCHIVE, SETS, applied_of
from glyphd.db.migrations import initialise, migrate
from glyphd.errors import DataWouldBeLost, InvalidSettings, SchemaError
from glyphd.settings import Settings
from tests.db.ledger import (
    archive_rows,
    execute_in_archive,
    fill_archive,
    fill_registry,
    registry_rows,
)
from tests.db.snapshots import schema_of

LAST = len(ARCHIVE.packaged())
EVERY_STEP = [f"applied {steps.name} {name}" for steps in SETS for name in steps.packaged()]
INITIALISE = (
    "from glyphd.db.migrations import initialise; from glyphd.settings import Settings; "
    "initialise(Settings())"
)


def _applied(settings: Settings) -> dict[str, list[str]]:
    return {steps.name: applied_of(settings, steps) for steps in SETS}


def test_migrate_applies_every_step_once(empty_database_settings: Settings) -> None:
    assert migrate(empty_database_settings) == EVERY_STEP
    assert migrate(empty_database_settings) == []
    assert _applied(empty_database_settings) == {steps.name: steps.packaged() for steps in SETS}


def test_nothing_is_made_by_asking_what_is_applied(empty_sqlite_settings: Settings) -> None:
    assert _applied(empty_sqlite_settings) == {"archive": [], "registry": []}
    assert not empty_sqlite_settings.data_dir.exists()


def test_down_and_up_again_with_data_leaves_a_fresh_schema(
    empty_database_settings: Settings,
) -> None:
    migrate(empty_database_settings)
    fresh = schema_of(empty_database_settings)
    fill_archive(empty_database_settings)
    fill_registry(empty_database_settings)
    for steps in SETS:
        for number in reversed(range(len(steps.packaged()))):
            migrate(empty_database_settings, f"{steps.name}:{number}", drop_data=number == 0)
        for number in range(1, len(steps.packaged()) + 1):
            migrate(empty_database_settings, f"{steps.name}:{number}")
    assert schema_of(empty_database_settings) == fresh
    assert find_drift(empty_database_settings) == []


def test_a_step_down_without_losses_keeps_every_row(empty_database_settings: Settings) -> None:
    migrate(empty_database_settings)
    fill_archive(empty_database_settings)
    before = archive_rows(empty_database_settings)
    above = ARCHIVE.packaged()[1:]
    assert migrate(empty_database_settings, "archive:1") == [
        f"reverted archive {name}" for name in reversed(above)
    ]
    assert migrate(empty_database_settings, f"archive:{LAST}") == [
        f"applied archive {name}" for name in above
    ]
    after = archive_rows(empty_database_settings)
    assert after.pop("schema_version") != before.pop("schema_version")
    assert after == before


@pytest.mark.parametrize(
    ("target", "lost"), [("archive:0", "scored_listings"), ("registry:0", "jobs")]
)
def test_refuses_to_drop_data_unasked(
    empty_database_settings: Settings, target: str, lost: str
) -> None:
    migrate(empty_database_settings)
    fill_archive(empty_database_settings)
    fill_registry(empty_database_settings)
    before = (
        archive_rows(empty_database_settings),
        registry_rows(empty_database_settings),
        schema_of(empty_database_settings),
    )
    with pytest.raises(DataWouldBeLost, match=lost):
        migrate(empty_database_settings, target)
    assert (
        archive_rows(empty_database_settings),
        registry_rows(empty_database_settings),
        schema_of(empty_database_settings),
    ) == before


def test_an_empty_schema_goes_without_being_told_twice(empty_database_settings: Settings) -> None:
    initialise(empty_database_settings)
    assert len(migrate(empty_database_settings, "archive:0")) == len(ARCHIVE.packaged())
    assert applied_of(empty_database_settings, ARCHIVE) == []


@pytest.mark.parametrize(
    "to", ["archive", "archive:", "archive:x", "archive:-1", "archive:99", "queue:0", ""]
)
def test_a_target_that_does_not_exist_is_refused(empty_sqlite_settings: Settings, to: str) -> None:
    with pytest.raises(InvalidSettings, match=f"archive:0 to archive:{LAST}"):
        migrate(empty_sqlite_settings, to)


def test_a_column_with_values_counts_as_data(
    empty_database_settings: Settings, more_steps: Path
) -> None:
    (more_steps / "archive" / f"{LAST + 1:03}_note.py").write_text(
        _step(
            "ALTER TABLE import_batches ADD COLUMN note TEXT",
            "ALTER TABLE import_batches DROP COLUMN note",
        )
    )
    migrate(empty_database_settings)
    fill_archive(empty_database_settings)
    migrate(empty_database_settings, f"archive:{LAST}")
    migrate(empty_database_settings, f"archive:{LAST + 1}")
    execute_in_archive(empty_database_settings, "UPDATE import_batches SET note = 'a'")
    with pytest.raises(DataWouldBeLost, match=r"import_batches\.note"):
        migrate(empty_database_settings, f"archive:{LAST}")
    reverted = [f"reverted archive {LAST + 1:03}_note"]
    assert migrate(empty_database_settings, f"archive:{LAST}", drop_data=True) == reverted


def test_a_failing_step_leaves_the_schema_as_it_was(
    empty_database_settings: Settings, more_steps: Path
) -> None:
    migrate(empty_database_settings)
    before = schema_of(empty_database_settings)
    for number, name in enumerate(("good", "bad"), LAST + 1):
        step = _step("CREATE TABLE good (id INTEGER)", "DROP TABLE good")
        (more_steps / "archive" / f"{number:03}_{name}.py").write_text(step)
    with pytest.raises(Exception, match="already exists"):
        migrate(empty_database_settings)
    assert schema_of(empty_database_settings) == before
    assert applied_of(empty_database_settings, ARCHIVE) == ARCHIVE.packaged()[:LAST]


def test_rebuilding_a_parent_table_keeps_its_children(
    empty_sqlite_settings: Settings, more_steps: Path
) -> None:
    migrate(empty_sqlite_settings)
    fill_archive(empty_sqlite_settings)
    before = archive_rows(empty_sqlite_settings)
    (more_steps / "archive" / f"{LAST + 1:03}_rebuilt.py").write_text(
        _step(
            "CREATE TABLE rebuilt AS SELECT * FROM import_batches",
            "DROP VIEW listings",
            "DROP VIEW gpu_listings",
            "DROP TABLE import_batches",
            "ALTER TABLE rebuilt RENAME TO import_batches",
            "CREATE UNIQUE INDEX importbatch_import_id ON import_batches (import_id)",
        )
    )
    migrate(empty_sqlite_settings)
    assert archive_rows(empty_sqlite_settings) == before


def test_a_step_that_leaves_orphans_is_taken_back(
    empty_sqlite_settings: Settings, more_steps: Path
) -> None:
    migrate(empty_sqlite_settings)
    fill_archive(empty_sqlite_settings)
    before = archive_rows(empty_sqlite_settings)
    (more_steps / "archive" / f"{LAST + 1:03}_orphans.py").write_text(
        _step("DELETE FROM import_batches")
    )
    with pytest.raises(SchemaError, match="without the import_batches they belong to"):
        migrate(empty_sqlite_settings)
    assert archive_rows(empty_sqlite_settings) == before


def test_the_histories_are_told_apart_on_one_database(empty_postgres_settings: Settings) -> None:
    migrate(empty_postgres_settings, f"archive:{len(ARCHIVE.packaged())}")
    assert _applied(empty_postgres_settings) == {"archive": ARCHIVE.packaged(), "registry": []}


def test_processes_that_start_at_once_apply_each_step_once(
    empty_database_settings: Settings,
) -> None:
    environment = empty_database_settings.child_environment()
    command = [sys.executable, "-c", INITIALISE]
    processes = [
        subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) for _ in range(3)
    ]
    assert [process.communicate(timeout=60)[1] for process in processes] == [b"", b"", b""]
    _require_each_step_once(empty_database_settings)


def test_threads_that_start_at_once_apply_each_step_once(empty_database_settings: Settings) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(initialise, [empty_database_settings] * 8))
    _require_each_step_once(empty_database_settings)


def test_what_is_done_is_not_replayed(
    empty_sqlite_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The replay would mock Peewee for all threads of the process."""
    monkeypatch.setattr("peewee_migrate.router.mock", None)
    migrate(empty_sqlite_settings, "archive:1")
    assert migrate(empty_sqlite_settings, "archive:2") == ["applied archive 002_orders"]
    assert migrate(empty_sqlite_settings, "archive:1") == ["reverted archive 002_orders"]


def test_a_writer_makes_the_migration_wait_and_then_say_so(
    empty_sqlite_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glyphd.db.connections.LOCK_WAIT_SECONDS", 0)
    initialise(empty_sqlite_settings)
    writer = open_archive(empty_sqlite_settings, read_only=False)
    with (
        writer.connection_context(),
        writer.atomic(),
        pytest.raises(Exception, match="being written to: stop the worker"),
    ):
        migrate(empty_sqlite_settings, "archive:1")


def _step(*statements: str) -> str:
    """A migration that runs all statements but the last, which reverts it; a single statement can't
    be reverted."""
    up, down = (statements[:-1], statements[-1:]) if len(statements) == 2 else (statements, ())
    return (
        f"def migrate(migrator, database, fake=False):\n    [migrator.sql(one) for one in {up!r}]\n"
        "def rollback(migrator, database, fake=False):\n    [migrator.sql(one) for one in "
        f"{down!r}]\n"
    )


def _require_each_step_once(settings: Settings) -> None:
    assert _applied(settings) == {steps.name: steps.packaged() for steps in SETS}
    rows = archive_rows(settings)
    assert [name for _, name, _ in rows["schema_version"]] == ARCHIVE.packaged()
    (registry_row,) = registry_rows(settings)["registry_identity"]
    assert rows["archive_identity"] == [registry_row[:1]]
    assert len(rows["archive_identity"]) == 1
