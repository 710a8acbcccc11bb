"""`glyphd rebuild` on PostgreSQL: new tables replace the old ones, which are moved to another
schema.

The new archive gets its id when it is complete. If the command is killed before, nothing starts
with the archive, and the command is simply run again; after an error the old tables are moved back.
"""

from contextlib import closing
from datetime import UTC, datetime

from peewee import Database

from glyphd.db.archive_models import ARCHIVE_MODELS
from glyphd.db.drift import VIEWS
from glyphd.db.migration_sets import ARCHIVE, REGISTRY, require_there
from glyphd.db.migrations import migrate
from glyphd.db.pairing import archive_id, name_archive, registry_id
from glyphd.db.postgres_sessions import open_postgres
from glyphd.errors import CannotRebuild
from glyphd.scratch import use_scratch_folder
from glyphd.settings import Settings
from glyphd.upkeep.rebuild import Rebuilt, refill, require_no_worker
from glyphd.upkeep.upload_copies import Progress
from glyphd.uploads.opening import open_own_uploads


def rebuild_tables(settings: Settings, progress: Progress) -> tuple[Rebuilt, str | None]:
    """The contents of the new archive, and the schema with the replaced tables, if there were any.

    Raises NoLedger without a registry, CannotRebuild for one of another archive or while a worker
    is alive, and what `Rebuilder.run` raises.
    """
    require_there(settings, [REGISTRY])
    require_no_worker(settings)
    known_id = registry_id(settings)
    if archive_id(settings) not in (None, known_id):
        raise CannotRebuild("the registry in this database belongs to another archive")
    use_scratch_folder(settings)
    schema = _put_aside(settings, f"glyphd_replaced_{datetime.now(UTC):%Y%m%dt%H%M%Sz}")
    try:
        for steps in (REGISTRY, ARCHIVE):
            migrate(settings, f"{steps.name}:{len(steps.packaged())}")
        rebuilt = refill(settings, settings, open_own_uploads(settings), progress)
    except BaseException:
        migrate(settings, f"{ARCHIVE.name}:0", drop_data=True)
        _bring_back(settings, schema)
        raise
    name_archive(settings, known_id)
    return rebuilt, schema


def _put_aside(settings: Settings, schema: str) -> str | None:
    """Moves the archive's tables and views to a new schema; None if there are none."""
    with (
        closing(open_postgres(settings)) as database,
        database.connection_context(),
        database.atomic(),
    ):
        names = _relations(database, "current_schema()")
        if not names:
            return None
        database.execute_sql(f"CREATE SCHEMA {schema}")
        for name in names:
            database.execute_sql(f"ALTER TABLE {name} SET SCHEMA {schema}")
        return schema


def _bring_back(settings: Settings, schema: str | None) -> None:
    with (
        closing(open_postgres(settings)) as database,
        database.connection_context(),
        database.atomic(),
    ):
        (own,) = database.execute_sql("SELECT current_schema()").fetchone()
        database.execute_sql(f"DROP TABLE IF EXISTS {ARCHIVE.history_table}")
        for name in _relations(database, f"'{schema}'") if schema else []:
            database.execute_sql(f'ALTER TABLE {schema}.{name} SET SCHEMA "{own}"')
        database.execute_sql(f"DROP SCHEMA IF EXISTS {schema}")


def _relations(database: Database, schema: str) -> list[str]:
    """The archive's tables and views in a schema, which is given as an SQL expression."""
    ours = [model._meta.table_name for model in ARCHIVE_MODELS]
    ours += [ARCHIVE.history_table, *VIEWS[ARCHIVE]]
    query = (
        f"SELECT relname FROM pg_class WHERE relnamespace = {schema}::regnamespace AND "
        "relname = ANY(%s)"
    )
    return [
        name
        for (name,) in database.execute_sql(
            f"{query} AND relkind IN ('r', 'v')", (ours,)
        ).fetchall()
    ]
