"""Which workers are alive. A health check tests that every few seconds in a separate process, so
this module loads little."""

import socket
from datetime import timedelta
from typing import Any

from peewee import Database, fn

from glyphd.db.connections import open_registry
from glyphd.db.migration_sets import require_there
from glyphd.db.registry_models import Worker
from glyphd.settings import Settings
from glyphd.times import utc_now, utc_text

WORKER_ALIVE_SECONDS = 10
"""A worker sends a heartbeat every two seconds; after this long without one it counts as dead."""


def is_alive() -> Any:
    """The condition that a worker's last heartbeat is recent; one in the future was sent before the
    clock was set."""
    now, recent = utc_now(), timedelta(seconds=WORKER_ALIVE_SECONDS)
    return Worker.heartbeat_at.between(utc_text(now - recent), utc_text(now + recent))


def workers_alive(registry: Database, host: str | None = None) -> int:
    """How many workers have sent a heartbeat recently; on one host, or anywhere."""
    here = Worker.host == host if host is not None else True
    query = Worker.select(fn.COUNT(Worker.id)).where(is_alive(), here)
    return int(registry.execute(query).fetchone()[0])


def is_worker_here(settings: Settings) -> bool:
    """Whether a worker on this host has sent a heartbeat recently. Raises NoLedger if there are no
    databases."""
    require_there(settings)
    registry = open_registry(settings)
    with registry.connection_context():
        return workers_alive(registry, socket.gethostname()) > 0
