"""Whether an import can be accepted and run: the checks of `/api/ready` and the status page."""

from collections.abc import Callable
from contextlib import suppress

import structlog

from glyphd.db.migration_sets import require_current_schema
from glyphd.db.registry_models import Job
from glyphd.db.standby_reads import StandbyReads
from glyphd.db.troubles import DATABASE_ERRORS, Trouble, trouble_of
from glyphd.disk import require_free_disk
from glyphd.errors import DatabaseDamaged, GlyphdError, Unavailable
from glyphd.importing.integrity_log import DAMAGED, IntegrityLog
from glyphd.plurals import counted
from glyphd.services import Services

log = structlog.get_logger(__name__)

OK = "ok"
LATEST_UPLOADS = 20
"""How many kept files are looked for: the latest ones, some of which each machine has accepted."""


class Readiness:
    """The checks over these services."""

    def __init__(self, services: Services) -> None:
        self._services = services
        # Without a message server imports still run, so that is only a warning.
        self._is_queue_apart = services.settings.queue_url is not None
        queue = {} if self._is_queue_apart else {"queue": services.queue.check_usable}
        self._checks: dict[str, Callable[[], object]] = {
            "schema": lambda: require_current_schema(services.settings),
            "registry": services.registry.check_writable,
            **queue,
            "uploads": self._require_uploads,
            "disk": lambda: require_free_disk(services.settings),
            "worker": self._require_worker,
            "imports": self._require_none_resting,
            "integrity": self._require_sound,
        }

    def checks(self) -> dict[str, str]:
        """The result of each check by its name: `ok`, or what is wrong."""
        return {name: _checked(name, check) for name, check in self._checks.items()}

    def warnings(self) -> list[str]:
        """Warnings: faults in spite of which imports are accepted and run."""
        found = [
            self._warning_of_queue(),
            self._warning_of_standby(),
            self._warning_of_processes(),
        ]
        return list(filter(None, found))

    def integrity(self) -> dict[str, str] | None:
        """The result of the last check for damage; None if there was none, or it can't be read."""
        try:
            last = IntegrityLog(self._services.registry).last()
        except Exception:
            log.warning("check_failed", check="integrity", exc_info=True)
            return None
        return {"result": last.result, "checked_at": last.checked_at} if last else None

    def _warning_of_queue(self) -> str | None:
        if self._is_queue_apart and _checked("queue", self._services.queue.check_usable) != OK:
            return "the queue does not answer, so imports begin some seconds later"
        return None

    def _warning_of_standby(self) -> str | None:
        archive = self._services.archive
        if isinstance(archive, StandbyReads):
            with suppress(Exception):  # another check reports a missing primary
                return archive.why_not_used()
        return None

    def _warning_of_processes(self) -> str | None:
        siblings = self._services.siblings
        running = siblings.listening()
        if siblings.count > 1 and running < siblings.count:
            return f"{running} of {siblings.count} API processes are running"
        return None

    def _require_uploads(self) -> None:
        """Whether files can be stored, and those that other machines have accepted are here.

        A bucket is known to be the right one, by its marker.
        """
        uploads = self._services.uploads
        uploads.check_writable()
        for job in self._latest_imports() if uploads.has_local_files else ():
            try:
                uploads.size(str(job.upload_name))
            except FileNotFoundError:
                raise Unavailable(
                    f"the kept file of import {job.import_id} is not in this machine's folder: "
                    "machines that share a registry need one upload store, see GLYPHD_UPLOAD_URL"
                ) from None

    def _latest_imports(self) -> list[Job]:
        """None if the registry can't be read, which is the result of another check."""
        try:
            return self._services.registry.imports({}, limit=LATEST_UPLOADS)
        except (GlyphdError, *DATABASE_ERRORS):
            return []

    def _require_worker(self) -> None:
        if not self._services.registry.workers_alive():
            raise GlyphdError("no worker has sent a heartbeat: start one with `glyphd worker`")

    def _require_none_resting(self) -> None:
        """A cause that keeps one import from running also affects others, now or soon."""
        reasons = self._services.registry.resting()
        if reasons:
            why = next(filter(None, reasons), "the worker's log says why")
            imports = counted(len(reasons), "import")
            raise Unavailable(f"{imports} waiting for another attempt: {why}")

    def _require_sound(self) -> None:
        last = IntegrityLog(self._services.registry).last()
        if last is not None and last.result == DAMAGED:
            names = sorted({line.partition(":")[0] for line in (last.detail or "").splitlines()})
            raise DatabaseDamaged(
                f"the last check found damage in the {' and the '.join(names)}: restore a "
                "backup, or rebuild a damaged "
                "archive with `glyphd rebuild`; the worker checks again when it starts"
            )


def _checked(name: str, check: Callable[[], object]) -> str:
    """`ok`, or what is wrong, without a path."""
    try:
        check()
    except GlyphdError as error:
        if error.reason is not None:
            log.warning("check_failed", check=name, reason=error.reason)
        return error.detail
    except Exception as error:
        if trouble_of(error) is Trouble.DAMAGED:
            log.error("database_damaged", check=name, reason=str(error))
            return "its database is damaged: `glyphd check` says where"
        log.warning("check_failed", check=name, exc_info=True)
        return "it can't be used; the log says why"
    return OK
