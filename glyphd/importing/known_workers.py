"""The workers in the registry, alive or not."""

from dataclasses import dataclass

from glyphd.db.registry_models import Worker
from glyphd.importing.heartbeats import is_alive
from glyphd.importing.registry import Registry


@dataclass(frozen=True)
class KnownWorker:
    """One worker process and its last heartbeat."""

    host: str
    pid: int
    started_at: str
    heartbeat_at: str
    is_alive: bool | int


def known_workers(registry: Registry) -> list[KnownWorker]:
    """The latest heartbeat first."""
    columns = (Worker.host, Worker.pid, Worker.started_at, Worker.heartbeat_at, is_alive())
    query = Worker.select(*columns).order_by(Worker.heartbeat_at.desc())
    with registry.connected():
        return [KnownWorker(*row) for row in registry.database.execute(query)]
