"""peewee-migrate, as the migrations use it."""

from functools import cached_property

from peewee import Database
from peewee_migrate import Migrator, Router
from peewee_migrate.models import MigrateHistory

from glyphd.db.migration_sets import MigrationSet


class StepRouter(Router):
    """peewee-migrate's router without its replay of applied steps, and with its own history model.

    The replay patches Peewee for the whole process, so that queries of other threads return mocks,
    and is needed only by migrations that use models; these are plain SQL. The history model is
    global in peewee-migrate: a second router would switch the first one to its own database.
    """

    def __init__(self, database: Database, steps: MigrationSet) -> None:
        super().__init__(database, migrate_dir=steps.folder, migrate_table=steps.history_table)

    @cached_property
    def model(self) -> type[MigrateHistory]:
        class History(MigrateHistory):
            class Meta:
                database = self.database
                table_name = self.migrate_table

        # Its name contains the table's, because PostgreSQL's index names must be unique across
        # tables.
        History.add_index(
            History.index(History.name, unique=True, name=f"{self.migrate_table}_by_name")
        )
        History.create_table(safe=True)
        return History

    @cached_property
    def migrator(self) -> Migrator:
        return Migrator(self.database)
