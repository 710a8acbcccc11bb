"""A column added to the row contract is in every view of the events, wherever it is put."""

from collections.abc import Callable

import pytest
from peewee import Database
from peewee_migrate import Migrator

from glyphd.db.added_columns import VIEWS, AddedColumn, add_column, drop_column
from glyphd.db.connections import close_all, open_archive
from glyphd.settings import Settings

NAME = "warranty_months"


@pytest.mark.parametrize("behind", ["title", "score", "model"])
def test_it_is_in_every_view_until_it_is_dropped(database_settings: Settings, behind: str) -> None:
    archive = open_archive(database_settings, read_only=False)
    column = AddedColumn("010_warranty_months", NAME, "integer", "months of warranty", behind)
    with archive.connection_context():
        before = _columns(archive)
        _run(archive, add_column, column)
        assert _columns(archive) == {view: names | {NAME} for view, names in before.items()}
        _run(archive, drop_column, column)
        assert _columns(archive) == before
    close_all(archive)


def test_it_is_refused_behind_a_column_that_there_is_not(database_settings: Settings) -> None:
    archive = open_archive(database_settings, read_only=False)
    column = AddedColumn("010_warranty_months", NAME, "integer", "months of warranty", "titel")
    with archive.connection_context():
        with pytest.raises(ValueError, match="titel"):
            _run(archive, add_column, column)
        assert not any(NAME in names for names in _columns(archive).values())
    close_all(archive)


def _run(archive: Database, change: Callable[..., None], column: AddedColumn) -> None:
    migrator = Migrator(archive)
    change(migrator, archive, column)
    migrator()


def _columns(archive: Database) -> dict[str, set[str]]:
    """The columns of each view."""
    rows = {view: archive.execute_sql(f"SELECT * FROM {view} LIMIT 0") for view in VIEWS}
    return {view: {column[0] for column in found.description} for view, found in rows.items()}
