"""The results of checks for damage in the registry, and whether another check is due."""

import socket
from collections.abc import Iterable, Sequence

from peewee import Database

from glyphd.db.registry_models import IntegrityCheck, Job, Worker
from glyphd.importing.heartbeats import is_alive
from glyphd.importing.registry import Registry
from glyphd.times import now_text

SOUND = "sound"
DAMAGED = "damaged"

KEPT_CHECKS = 20
_MOST_CHARACTERS = 2000
"""The length of the stored lines: the first ones say which file is damaged, and `glyphd check`
lists the rest."""


class IntegrityLog:
    """Reads and writes the results. Each method is one short transaction."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._database: Database = registry.database

    def last(self) -> IntegrityCheck | None:
        """The latest result; None if there was no check yet."""
        query = IntegrityCheck.select().order_by(IntegrityCheck.id.desc()).limit(1)
        with self._registry.connected():
            found: IntegrityCheck | None = query.bind(self._database).first()
            return found

    def record(self, damage: Sequence[str], lost_workers: Iterable[str] = ()) -> None:
        """Adds a result: no damage, or these lines of damage.

        The workers whose unclean end caused the check are removed with it, not before, because a
        check that did not finish must be repeated.
        """
        result = IntegrityCheck.insert(
            checked_at=now_text(),
            host=socket.gethostname(),
            result=DAMAGED if damage else SOUND,
            detail="\n".join(damage)[:_MOST_CHARACTERS] or None,
        )
        kept = (
            IntegrityCheck.select(IntegrityCheck.id)
            .order_by(IntegrityCheck.id.desc())
            .limit(KEPT_CHECKS)
        )
        with self._registry.connected(), self._database.atomic():
            self._database.execute(result)
            self._database.execute(IntegrityCheck.delete().where(IntegrityCheck.id.not_in(kept)))
            self._database.execute(
                Worker.delete().where(Worker.id.in_(list(lost_workers)), ~is_alive())
            )

    def lost_workers(self) -> list[str]:
        """Workers that did not shut down cleanly, possibly with their machine. A clean shutdown
        leaves no row."""
        query = Worker.select(Worker.id).where(~is_alive()).order_by(Worker.id)
        with self._registry.connected():
            return [worker_id for (worker_id,) in self._database.execute(query)]

    def latest_arrival(self) -> str:
        """When the last job was received; empty if there is none."""
        query = Job.select(Job.received_at).order_by(Job.id.desc()).limit(1)
        with self._registry.connected():
            row = self._database.execute(query).fetchone()
            return str(row[0]) if row else ""
