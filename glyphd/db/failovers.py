"""Whether another PostgreSQL server has become the primary."""

from peewee import Database

from glyphd.db.dialects import is_sqlite
from glyphd.db.troubles import DATABASE_ERRORS
from glyphd.errors import NotReady

_TIMELINE = "SELECT substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)"


def primary_timeline(database: Database) -> str | None:
    """The timeline of the server's log: each promotion of a standby begins a new one. None on
    SQLite, and if the server does not answer or does not say."""
    if is_sqlite(database):
        return None
    try:
        with database.connection_context():
            return str(database.execute_sql(_TIMELINE).fetchone()[0])
    except (NotReady, *DATABASE_ERRORS):
        return None
