"""The queue: Huey, and the one task it carries. A message is a nudge: the job's row in the registry is the truth."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from huey import Huey, PostgresHuey
from huey.registry import Message
from huey.serializer import Serializer
from huey.storage import SqliteStorage

from glyphd.bell import Bell
from glyphd.db.connections import make_file
from glyphd.errors import Unavailable
from glyphd.settings import Settings

QUEUE_NAME = "glyphd"
TASK_NAME = "run_job"

LOOK_SECONDS = 0.2
"""How often a worker looks into the queue without having been called."""

RunJob = Callable[[int], object]


class JsonSerializer(Serializer):  # type: ignore[misc]  # huey has no type hints
    """Messages as JSON: whoever can write to the queue must not be able to run code, as with pickle."""

    def _serialize(self, data: Message) -> bytes:
        return json.dumps(data._asdict()).encode()

    def _deserialize(self, data: bytes) -> Message:
        return Message(**json.loads(data))


class RingingStorage(SqliteStorage):  # type: ignore[misc]  # huey has no type hints
    """Huey's queue in a SQLite file, with a bell: a worker need not look into it again and again."""

    blocking = True

    def __init__(self, *arguments: Any, filename: str, **options: Any) -> None:
        super().__init__(*arguments, filename=filename, **options)
        self._bell = Bell(Path(f"{filename}.bell"))

    def enqueue(self, data: bytes, priority: float | None = None) -> None:
        super().enqueue(data, priority)
        self._bell.ring()

    def dequeue(self) -> bytes | None:
        """The next message; None when none has come for a while."""
        found: bytes | None = super().dequeue()
        if found is None:
            self._bell.wait(LOOK_SECONDS)
            found = super().dequeue()
        return found


class JobQueue:
    """Carries job ids to a worker. Nothing is lost with the queue: a sweep nudges again."""

    def __init__(self, huey: Huey, run_job: RunJob | None = None, *, file: Path | None = None) -> None:
        self.huey = huey
        self._file = file
        self._nudge = huey.task(name=TASK_NAME, retries=0)(_task(run_job))

    def nudge(self, job_id: int, *, is_urgent: bool = False) -> None:
        """Sends a worker to this job, an urgent one before all others. Raises whatever the queue's backend raises."""
        self._nudge(job_id, priority=int(is_urgent))

    def check_usable(self) -> None:
        """Raises Unavailable, or what the backend raises, when a message could not be sent and received now."""
        if self._file is not None and not self._file.exists():
            raise Unavailable(
                "its file is gone: restart the service; imports are taken up meanwhile, some seconds late"
            )
        self.waiting()

    def waiting(self) -> int:
        """Messages that no worker has taken up yet."""
        return int(self.huey.pending_count())

    def close(self) -> None:
        self.huey.storage.close()


def open_queue(settings: Settings, run_job: RunJob | None = None) -> JobQueue:
    """The queue of these settings. The API gives no `run_job`; the worker gives its own.

    Opening a SQLite queue makes the file when it is missing.
    """
    serializer = JsonSerializer()
    if settings.database_url is not None:
        huey = PostgresHuey(QUEUE_NAME, results=False, serializer=serializer, dsn=settings.database_url)
        return JobQueue(huey, run_job)
    make_file(settings.queue_path)
    filename, options = str(settings.queue_path), {"storage_class": RingingStorage, "timeout": 30}
    huey = Huey(QUEUE_NAME, results=False, serializer=serializer, filename=filename, **options)
    return JobQueue(huey, run_job, file=settings.queue_path)


def _task(run_job: RunJob | None) -> Callable[[int], Any]:
    """Always this function of this module: its name is what stands in a message."""

    def run_job_task(job_id: int) -> None:
        if run_job is None:
            raise RuntimeError("this process sends jobs, it does not run them")
        run_job(job_id)

    return run_job_task
