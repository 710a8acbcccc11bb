"""The queue: Huey, and its only task. A message is only a notification: the job's row in the
registry is authoritative."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
from huey import Huey
from huey.registry import Message
from huey.serializer import Serializer

from glyphd.db.pairing import archive_id
from glyphd.db.registry_models import Job
from glyphd.errors import InvalidSettings
from glyphd.queue_breaker import QueueBreaker
from glyphd.queue_storages import RingingStorage, TableStorage
from glyphd.settings import Settings

QUEUE_NAME = "glyphd"
TASK_NAME = "run_job"

log = structlog.get_logger(__name__)

RunJob = Callable[[int], object]


class JsonSerializer(Serializer):  # type: ignore[misc]  # huey has no type hints
    """Messages are JSON, because with pickle anyone who can write to the queue could run code."""

    def _serialize(self, data: Message) -> bytes:
        return json.dumps(data._asdict()).encode()

    def _deserialize(self, data: bytes) -> Message:
        return Message(**json.loads(data))


class JobQueue:
    """Sends job ids to a worker. Nothing is lost with the queue, because the sweep sends messages
    again."""

    def __init__(self, huey: Huey, run_job: RunJob | None = None) -> None:
        self.huey = huey
        self._breaker = QueueBreaker()
        self._nudge = huey.task(name=TASK_NAME, retries=0)(_task(run_job))

    def nudge(self, job_id: int, *, is_urgent: bool = False) -> None:
        """Sends a message for this job; an urgent one precedes all others. Raises what the queue's
        backend raises."""
        self._nudge(job_id, priority=int(is_urgent))

    def notify(self, job: Job) -> None:
        """Notifies a worker of a recorded job. Never raises: whatever happens to the message, the
        worker's sweep finds the job. While the queue is unavailable, most calls don't try to send a
        message."""
        if not self._breaker.lets_try():
            return
        try:
            self._nudge(job.id, priority=0)
        except Exception:
            if self._breaker.note_failure():
                log.warning("notification_failed", import_id=job.import_id, exc_info=True)
        else:
            if self._breaker.note_success():
                log.info("notifications_resumed", import_id=job.import_id)

    def check_usable(self) -> None:
        """Raises what the backend raises if a message can't be sent and received now."""
        self.huey.storage.check_writable()
        self.waiting()

    def waiting(self) -> int:
        """The messages that no worker has received yet."""
        return int(self.huey.pending_count())

    def waiting_jobs(self) -> set[int]:
        """The jobs of these messages."""
        return {job for data in self.huey.storage.enqueued_items() for job in _jobs_in(data)}

    def close(self) -> None:
        self.huey.storage.close()


def open_queue(settings: Settings, run_job: RunJob | None = None) -> JobQueue:
    """The queue of these settings. The API passes no `run_job`; the worker passes its own.

    Nothing is opened or created until the queue is used. Raises InvalidSettings without the extra
    that Redis needs.
    """
    return JobQueue(
        Huey(QUEUE_NAME, results=False, serializer=JsonSerializer(), **_backend(settings)), run_job
    )


def _backend(settings: Settings) -> dict[str, Any]:
    """Huey's storage, and its arguments."""
    if settings.queue_url is not None:
        return {
            "storage_class": _redis_queue(),
            "url": settings.queue_url,
            "find_owner": partial(archive_id, settings),
        }
    if settings.database_url is not None:
        return {"storage_class": TableStorage, "dsn": settings.database_url}
    return {"storage_class": RingingStorage, "filename": str(settings.queue_path)}


def _redis_queue() -> Any:
    try:
        from glyphd.redis_queue import RedisQueue
    except ImportError:
        raise InvalidSettings(
            "GLYPHD_QUEUE_URL needs a package that is not installed: pip install 'glyphd[redis]'"
        ) from None
    return RedisQueue


def _jobs_in(data: bytes) -> list[int]:
    """The job of one message; none if it is another program's message and can't be read."""
    try:
        found = json.loads(bytes(data))["args"]
    except (ValueError, LookupError, TypeError):
        return []
    return [job for job in found if isinstance(job, int)]


def _task(run_job: RunJob | None) -> Callable[[int], Any]:
    """It must always be this function in this module, because messages contain its name."""

    def run_job_task(job_id: int) -> None:
        if run_job is None:
            raise RuntimeError("this process only sends jobs")
        run_job(job_id)

    return run_job_task
