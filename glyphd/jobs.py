"""The queue: Huey, and the one task it carries. A message only notifies: the job's row in the
registry is the truth."""

import json
from collections.abc import Callable
from typing import Any

import structlog
from huey import Huey
from huey.registry import Message
from huey.serializer import Serializer

from glyphd.db.registry_models import Job
from glyphd.queue_storages import RingingStorage, TableStorage
from glyphd.settings import Settings

QUEUE_NAME = "glyphd"
TASK_NAME = "run_job"

log = structlog.get_logger(__name__)

RunJob = Callable[[int], object]


class JsonSerializer(Serializer):  # type: ignore[misc]  # huey has no type hints
    """Messages as JSON: whoever can write to the queue must not be able to run code, as with
    pickle."""

    def _serialize(self, data: Message) -> bytes:
        return json.dumps(data._asdict()).encode()

    def _deserialize(self, data: bytes) -> Message:
        return Message(**json.loads(data))


class JobQueue:
    """Carries job ids to a worker. Nothing is lost with the queue: a sweep sends messages again."""

    def __init__(self, huey: Huey, run_job: RunJob | None = None) -> None:
        self.huey = huey
        self._nudge = huey.task(name=TASK_NAME, retries=0)(_task(run_job))

    def nudge(self, job_id: int, *, is_urgent: bool = False) -> None:
        """Sends a worker to this job, an urgent one before all others. Raises whatever the queue's
        backend raises."""
        self._nudge(job_id, priority=int(is_urgent))

    def notify(self, job: Job) -> None:
        """Sends a worker to a job that is recorded. Never raises: whatever happens to the message,
        the worker's sweep finds the job."""
        try:
            self._nudge(job.id, priority=0)
        except Exception:
            log.warning("notification_failed", import_id=job.import_id, exc_info=True)

    def check_usable(self) -> None:
        """Raises what the backend raises when a message could not be sent and received now."""
        with self.huey.storage.db(commit=True):
            pass
        self.waiting()

    def waiting(self) -> int:
        """Messages that no worker has received yet."""
        return int(self.huey.pending_count())

    def waiting_jobs(self) -> set[int]:
        """The jobs that these messages lead to."""
        return {job for data in self.huey.storage.enqueued_items() for job in _jobs_in(data)}

    def close(self) -> None:
        self.huey.storage.close()


def open_queue(settings: Settings, run_job: RunJob | None = None) -> JobQueue:
    """The queue of these settings. The API gives no `run_job`; the worker gives its own.

    Nothing is opened or made until the queue is used.
    """
    if settings.database_url is not None:
        backend: dict[str, Any] = {"storage_class": TableStorage, "dsn": settings.database_url}
    else:
        backend = {"storage_class": RingingStorage, "filename": str(settings.queue_path)}
    return JobQueue(
        Huey(QUEUE_NAME, results=False, serializer=JsonSerializer(), **backend), run_job
    )


def _jobs_in(data: bytes) -> list[int]:
    """The job of one message; none where somebody else's message cannot be read."""
    try:
        found = json.loads(bytes(data))["args"]
    except (ValueError, LookupError, TypeError):
        return []
    return [job for job in found if isinstance(job, int)]


def _task(run_job: RunJob | None) -> Callable[[int], Any]:
    """Always this function of this module: its name is what a message contains."""

    def run_job_task(job_id: int) -> None:
        if run_job is None:
            raise RuntimeError("this process only sends jobs")
        run_job(job_id)

    return run_job_task
