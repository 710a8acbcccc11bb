"""Checks that each connection to PostgreSQL is a separate session, which every lock of glyphd
needs."""

from contextlib import closing
from random import getrandbits

from glyphd.db.postgres_sessions import open_postgres
from glyphd.errors import InvalidSettings
from glyphd.settings import Settings

_TRY = "SELECT pg_try_advisory_lock(%s)"
_RELEASE = "SELECT pg_advisory_unlock_all()"


def require_sessions(settings: Settings) -> None:
    """Raises InvalidSettings if a pooler lets many clients share a session, as PgBouncer does with
    `pool_mode = transaction`: then two of them hold the same lock."""
    key = getrandbits(62)
    with (
        closing(open_postgres(settings)) as one,
        closing(open_postgres(settings)) as another,
        one.connection_context(),
        another.connection_context(),
    ):
        try:
            one.execute_sql(_TRY, (key,))
            (is_shared,) = another.execute_sql(_TRY, (key,)).fetchone()
        finally:
            one.execute_sql(_RELEASE)
    if is_shared:
        raise InvalidSettings(
            "GLYPHD_DATABASE_URL points to a pooler whose clients share sessions, so locks don't "
            "work: connect directly, or set `pool_mode = session` in PgBouncer"
        )
