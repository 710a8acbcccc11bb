"""How much disk space the archive takes."""

from contextlib import suppress
from pathlib import Path

from peewee import Database

from glyphd.settings import Settings


def archive_bytes(settings: Settings, registry: Database) -> int:
    """The size of the archive's file with its log, 0 without one; on PostgreSQL that of the
    database, in which the registry is too. The caller holds the registry's connection."""
    if settings.database_url is not None:
        query = "SELECT pg_database_size(current_database())"
        return int(registry.execute_sql(query).fetchone()[0])
    return _file_bytes(settings.archive_path) + _file_bytes(Path(f"{settings.archive_path}-wal"))


def _file_bytes(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0
