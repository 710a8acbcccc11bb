"""The two sets of migrations, archive and registry: their packaged steps, and those that were
applied to a database."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from peewee import Database, DatabaseError

from glyphd.database_urls import without_password
from glyphd.db.connections import SqliteFile
from glyphd.db.postgres_sessions import open_postgres
from glyphd.db.troubles import Trouble, trouble_of
from glyphd.errors import NoLedger, NotReady, SchemaError, SchemaOutdated
from glyphd.settings import Settings


@dataclass(frozen=True)
class MigrationSet:
    """One folder of migrations with its own history."""

    name: str
    history_table: str

    @property
    def folder(self) -> Path:
        return migrations_folder() / self.name

    def path(self, settings: Settings) -> Path:
        """The SQLite file that these migrations make."""
        return settings.archive_path if self is ARCHIVE else settings.registry_path

    def is_there(self, settings: Settings) -> bool:
        """Whether there is a database, empty or not."""
        return settings.database_url is not None or self.path(settings).exists()

    def packaged(self) -> list[str]:
        """The steps of this version in order, such as `001_events`. Raises SchemaError if there are
        none."""
        steps = sorted(file.stem for file in self.folder.glob("[0-9][0-9][0-9]_*.py"))
        if not steps:
            raise SchemaError(
                f"the migrations of the {self.name} are missing: glyphd is not installed completely"
            )
        return steps

    def applied_in(self, database: Database) -> list[str]:
        """The steps that were applied to the open database, in order."""
        if not database.table_exists(self.history_table):
            return []
        return [
            name
            for (name,) in database.execute_sql(
                f"SELECT name FROM {self.history_table} ORDER BY id"
            )
        ]


ARCHIVE = MigrationSet("archive", "archive_migrations")
REGISTRY = MigrationSet("registry", "registry_migrations")
"""Named differently, because on PostgreSQL both are in one database: with one name, the second
set's steps would count as applied."""
SETS = (ARCHIVE, REGISTRY)

_FIRST_OF_VERSION_1 = "001_ledger"
"""The first step of every archive of version 1 of the row contract."""


def migrations_folder() -> Path:
    """`migrations` inside the installed package, or else in the checkout."""
    package = Path(__file__).parents[1]
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def applied_of(settings: Settings, steps: MigrationSet) -> list[str]:
    """The steps of one set applied so far. Raises SchemaOutdated for an archive of version 1 of the
    row contract."""
    if not steps.is_there(settings):
        return []
    with open_to_look(settings, steps) as database:
        done = steps.applied_in(database)
    if done and done[0] == _FIRST_OF_VERSION_1 not in steps.packaged():
        raise SchemaOutdated(
            f"{place_of(settings)} is an archive of version 1, which this version of glyphd can't "
            f"read: run `{settings.command('rebuild')}` to rebuild it from the kept files"
        )
    return done


@contextmanager
def open_to_look(settings: Settings, steps: MigrationSet) -> Iterator[Database]:
    """A connection that changes nothing.

    Raises NotReady if there is no such database or it can't be read where it is, SchemaError if the
    file is damaged or not a database.
    """
    if settings.database_url is not None:
        database = open_postgres(settings)
    else:
        database = SqliteFile(steps.path(settings), mode="look", pragmas={"query_only": 1})
    try:
        with database.connection_context():
            yield database
    except DatabaseError as error:
        path = steps.path(settings)
        if trouble_of(error) is Trouble.LOST:
            raise NotReady(
                f"the database {path.name} can't be read in a read-only folder, because it has a "
                f"log {path.name}-wal: copy the whole folder to a writable place",
                reason=str(path.absolute()),
            ) from error
        if type(error) is not DatabaseError:
            raise
        raise SchemaError(f"{path.name} can't be read", reason=str(error)) from error


def require_current_schema(settings: Settings, sets: Iterable[MigrationSet] = SETS) -> None:
    """Raises SchemaOutdated if a step is missing, SchemaError if there are unknown ones, and
    NoLedger if there is none at all: a migration would then replace a missing database with an
    empty one.
    """
    for steps in sets:
        done, packaged = applied_of(settings, steps), steps.packaged()
        if not done:
            raise NoLedger(f"the {steps.name} is missing or empty: restore it from a backup")
        require_known(steps.name, done, packaged)
        if done != packaged:
            raise SchemaOutdated(
                f"the {steps.name} is at step {len(done)} of {len(packaged)}: run `glyphd "
                "migrate`, then start again"
            )


def require_there(settings: Settings, sets: Iterable[MigrationSet] = SETS) -> None:
    """For commands that create nothing. Raises NoLedger, which says where it looked."""
    for steps in sets:
        if not is_anything_there(settings, steps):
            raise NoLedger(
                f"there is no {steps.name} at {place_of(settings, steps)}: name the archive with "
                "--db-path or its "
                "folder with --data-dir; nothing was created"
            )


def is_anything_there(settings: Settings, steps: MigrationSet) -> bool:
    """Whether there is a database, even one that is so damaged that it has no history: other checks
    report that."""
    try:
        return bool(applied_of(settings, steps))
    except SchemaOutdated:
        raise
    except SchemaError:
        return True


def place_of(settings: Settings, steps: MigrationSet = ARCHIVE) -> str:
    """The place of a database, for people: the whole path of a file, or a URL without its
    password."""
    if settings.database_url is not None:
        return without_password(settings.database_url)
    return str(steps.path(settings).absolute())


def require_known(name: str, done: list[str], packaged: list[str]) -> None:
    """Raises SchemaError unless the applied steps are the first of the packaged ones."""
    if done == packaged[: len(done)]:
        return
    unknown = [step for step in done if step not in packaged]
    if unknown:
        raise SchemaError(
            f"the {name} was made by another version of glyphd, which has the steps "
            f"{', '.join(unknown)}: use that version"
        )
    raise SchemaError(f"the steps of the {name} were applied in another order: {', '.join(done)}")
