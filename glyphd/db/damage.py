"""Checks the databases for damage: by SQLite's own checks, and on PostgreSQL by reading every
row."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path

from peewee import Database

from glyphd.db.archive_models import ARCHIVE_MODELS
from glyphd.db.catalogue import Reference
from glyphd.db.connections import SqliteFile
from glyphd.db.dialects import interrupter
from glyphd.db.drift import references_of
from glyphd.db.postgres_sessions import open_postgres
from glyphd.db.registry_models import REGISTRY_MODELS
from glyphd.db.troubles import DATABASE_ERRORS, PASSING_TROUBLES, Trouble, trouble_of
from glyphd.plurals import counted
from glyphd.settings import Settings

MOST_LINES = 100
"""The most lines for each database and kind of check, because a badly damaged database could
produce any number."""

_QUEUE_ADVICE = "it has only messages; the service will set it aside and create another one"


class CheckEnded(Exception):
    """Another thread ended the check before it was complete, so there is no result."""


class DamageCheck:
    """One check of some databases, by their names, for damage. It changes nothing, and no writer
    waits for it.

    A quick check reads the same pages, but does not compare indexes with their tables, and skips
    references.
    """

    def __init__(self, databases: Mapping[str, Database], *, quick: bool = False) -> None:
        self._databases = databases
        self._quick = quick
        self._interrupt: Callable[[], None] | None = None
        self._is_ended = False

    def run(self) -> list[str]:
        """A line for each damage.

        Raises CheckEnded after `end`, and the error of a database that is busy or unreachable.
        """
        return [
            f"{name}: {line}"
            for name, database in self._databases.items()
            for line in self._damage_of(database)
        ]

    def end(self) -> None:
        """Ends the check. Another thread must call it repeatedly until `run` is over, because a
        statement may be just about to start."""
        self._is_ended = True
        if self._interrupt is not None:
            self._interrupt()

    def _damage_of(self, database: Database) -> list[str]:
        lines: list[str] = []
        try:
            with closing(database):
                database.connect()
                self._interrupt = interrupter(database)
                lines += self._lines(database)
        except DATABASE_ERRORS as error:
            if self._is_ended:
                raise CheckEnded from error
            if trouble_of(error) in PASSING_TROUBLES:
                raise
            lines.append(f"it can't be read: {' '.join(str(error).split())}")
        finally:
            self._interrupt = None
        return lines

    def _lines(self, database: Database) -> Iterator[str]:
        if self._is_ended:
            raise CheckEnded
        if isinstance(database, SqliteFile):
            yield from _sqlite_lines(database, quick=self._quick)
        else:
            yield from _unreadable_tables(database)
            yield from () if self._quick else _dangling_rows(database)


def databases_to_check(settings: Settings) -> dict[str, Database]:
    """Archive and registry, if they exist, each with its own connection."""
    if settings.database_url is not None:
        return {"database": open_postgres(settings)}
    files = {"archive": settings.archive_path, "registry": settings.registry_path}
    return {name: file_to_check(path) for name, path in files.items() if path.exists()}


def file_to_check(path: Path) -> Database:
    """A SQLite file, opened read-only."""
    return SqliteFile(path, mode="look", pragmas={"query_only": 1})


def find_damage(settings: Settings) -> list[str]:
    """A line for each damage in archive and registry, after a full check."""
    return DamageCheck(databases_to_check(settings)).run()


def find_queue_damage(settings: Settings) -> list[str]:
    """Damage in the queue, as one line, because nothing in it would be missed."""
    if settings.database_url is not None or not settings.queue_path.exists():
        return []
    damage = DamageCheck({"queue": file_to_check(settings.queue_path)}).run()
    return [f"{line}: {_QUEUE_ADVICE}" for line in damage[:1]]


def _sqlite_lines(database: SqliteFile, *, quick: bool) -> Iterator[str]:
    """The results of SQLite's own checks. They may raise an error instead if a schema can't be
    read."""
    connection = database.connection()  # type: ignore[no-untyped-call]
    # Names in a damaged schema may not be valid text.
    connection.text_factory = lambda data: data.decode("utf-8", "backslashreplace")
    check = "quick_check" if quick else "integrity_check"
    for (found,) in connection.execute(f"PRAGMA {check}({MOST_LINES})"):
        yield from (
            line
            for line in found.splitlines()
            if line != "ok" and not line.startswith("*** in database")
        )
    dangling = () if quick else connection.execute("PRAGMA foreign_key_check")
    for table, row, parent, _ in islice(dangling, MOST_LINES):
        yield f"row {row} of {table} refers to a row of {parent} that does not exist"


def _unreadable_tables(database: Database) -> Iterator[str]:
    """PostgreSQL reads every row completely: each page, with its checksum if it has one, and values
    stored outside of it."""
    for table in (model._meta.table_name for model in (*ARCHIVE_MODELS, *REGISTRY_MODELS)):
        try:
            database.execute_sql(f'SELECT count(one_row) FROM "{table}" AS one_row').fetchone()
        except DATABASE_ERRORS as error:
            if trouble_of(error) is not Trouble.DAMAGED:
                raise
            yield f"table {table} can't be read: {' '.join(str(error).split())}"


def _dangling_rows(database: Database) -> Iterator[str]:
    for model in (*ARCHIVE_MODELS, *REGISTRY_MODELS):
        table = model._meta.table_name
        for reference in sorted(references_of(model)):
            (count,) = database.execute_sql(_count_dangling(table, reference)).fetchone()
            if count:
                yield (
                    f"table {table} has {counted(count, 'row')} with a broken reference to "
                    f"{reference.table}"
                )


def _count_dangling(table: str, reference: Reference) -> str:
    pairs = zip(reference.columns.split(", "), reference.target.split(", "), strict=True)
    same = " AND ".join(f"parent.{target} = child.{column}" for column, target in pairs)
    known = f"SELECT 1 FROM {reference.table} AS parent WHERE {same}"
    there = (
        f"({', '.join(f'child.{column}' for column in reference.columns.split(', '))}) IS NOT NULL"
    )
    return f"SELECT count(*) FROM {table} AS child WHERE {there} AND NOT EXISTS ({known})"
