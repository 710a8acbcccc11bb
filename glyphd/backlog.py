"""How many imports are waiting, read regularly, so that a server's loop need not wait for a
database."""

from glyphd.importing.registry import Registry

LOOK_SECONDS = 0.5


class Backlog:
    """Knows whether another import can be queued. If the registry can't be read, the last known
    number is used."""

    def __init__(self, registry: Registry, limit: int) -> None:
        self._registry = registry
        self._limit = limit
        self._waiting = 0

    def has_room(self) -> bool:
        return self._waiting < self._limit

    def refresh(self) -> None:
        self._waiting = self._registry.count_unfinished()
