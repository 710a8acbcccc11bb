"""The queue: messages are JSON, contain a job's id, and use one name for the task."""

import json
import pickle
import socket
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis
from structlog.testing import capture_logs

from glyphd.db.migrations import initialise
from glyphd.db.registry_models import Job
from glyphd.errors import Unavailable
from glyphd.jobs import JobQueue, open_queue
from glyphd.settings import Settings
from tests.redis_server import RedisServer


@pytest.fixture(params=["sqlite_settings", "postgres_settings", "redis_settings"])
def queue_settings(request: pytest.FixtureRequest) -> Settings:
    """Runs the test once for each kind of queue; the archive exists."""
    settings: Settings = request.getfixturevalue(request.param)
    if settings.queue_url is not None:
        initialise(settings)
    return settings


@pytest.fixture
def queue(queue_settings: Settings) -> Iterator[JobQueue]:
    """A queue to send to, as the API has it."""
    yield from _opened(open_queue(queue_settings))


@pytest.fixture
def ran() -> list[int]:
    """The jobs that the worker ran."""
    return []


@pytest.fixture
def worker_queue(queue_settings: Settings, ran: list[int]) -> Iterator[JobQueue]:
    """The same queue in a worker."""
    yield from _opened(open_queue(queue_settings, ran.append))


def _opened(queue: JobQueue) -> Iterator[JobQueue]:
    yield queue
    queue.close()


def _message(queue: JobQueue) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(queue.huey.storage.dequeue())
    return found


class Harm:
    """A payload that does harm if it is unpickled."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self._file,))


def test_a_message_is_json_with_the_id_and_nothing_else(queue: JobQueue) -> None:
    queue.nudge(7)
    message = _message(queue)
    assert (message["name"], message["args"], message["kwargs"]) == ("glyphd.jobs.run_job", [7], {})
    assert (message["retries"], message["eta"], message["on_complete"]) == (0, None, None)


def test_api_and_worker_call_the_task_by_one_name(queue: JobQueue, worker_queue: JobQueue) -> None:
    queue.nudge(7)
    worker_queue.nudge(7)
    assert _message(queue)["name"] == _message(queue)["name"]


def test_the_worker_runs_what_the_api_sent(
    queue: JobQueue, worker_queue: JobQueue, ran: list[int]
) -> None:
    for job_id in (7, 8):
        queue.nudge(job_id)
    while (task := worker_queue.huey.dequeue()) is not None:
        worker_queue.huey.execute(task)
    assert ran == [7, 8]


def test_an_urgent_message_comes_before_all_others(queue: JobQueue) -> None:
    for job_id, is_urgent in ((7, False), (8, True), (9, False), (10, True)):
        queue.nudge(job_id, is_urgent=is_urgent)
    assert [_message(queue)["args"] for _ in range(4)] == [[8], [10], [7], [9]]


def test_it_is_known_which_jobs_messages_lead_to(queue: JobQueue) -> None:
    queue.huey.storage.enqueue(b"no message of ours")
    queue.nudge(7)
    queue.nudge(9, is_urgent=True)
    assert queue.waiting_jobs() == {7, 9}
    queue.huey.dequeue()
    assert queue.waiting_jobs() == {7}


def test_messages_are_counted_until_they_are_taken(queue: JobQueue) -> None:
    assert queue.waiting() == 0
    queue.nudge(7)
    queue.nudge(7)
    assert queue.waiting() == 2
    queue.huey.dequeue()
    assert queue.waiting() == 1


def test_a_pickle_is_refused_and_does_nothing(
    queue: JobQueue, worker_queue: JobQueue, tmp_path: Path
) -> None:
    harmed = tmp_path / "harmed"
    queue.huey.storage.enqueue(pickle.dumps(Harm(harmed)))
    with pytest.raises(ValueError, match=r"codec can't decode|Expecting value"):
        worker_queue.huey.dequeue()
    assert not harmed.exists()


def test_the_api_sends_jobs_and_runs_none(queue: JobQueue) -> None:
    queue.nudge(7)
    task = queue.huey.dequeue()
    with pytest.raises(RuntimeError, match="only sends jobs"):
        task.execute()


def test_what_a_job_gives_back_is_not_kept(queue: JobQueue, worker_queue: JobQueue) -> None:
    queue.nudge(7)
    worker_queue.huey.execute(worker_queue.huey.dequeue())
    assert worker_queue.huey.result_count() == 0


def test_the_queue_is_a_file_for_its_owner_alone(sqlite_settings: Settings) -> None:
    queue = open_queue(sqlite_settings)
    queue.check_usable()
    queue.close()
    path = sqlite_settings.queue_path
    assert [stat.S_IMODE(one.stat().st_mode) for one in (path.parent, path)] == [0o700, 0o600]


def test_messages_outlive_the_process_that_sent_them(sqlite_settings: Settings) -> None:
    first = open_queue(sqlite_settings)
    first.nudge(7)
    first.close()
    second = open_queue(sqlite_settings)
    assert (second.waiting(), _message(second)["args"]) == (1, [7])
    second.close()


def test_archives_that_share_a_redis_have_a_queue_each(
    redis_settings: Settings, redis_server: RedisServer, tmp_path: Path
) -> None:
    initialise(redis_settings)
    other_settings = Settings(data_dir=tmp_path / "other", queue_url=redis_server.url)
    initialise(other_settings)
    queue, other = open_queue(redis_settings), open_queue(other_settings)
    queue.nudge(7)
    assert (queue.waiting_jobs(), other.waiting_jobs()) == ({7}, set())
    other.close()
    queue.close()


def test_without_an_archive_no_message_is_sent_to_redis(redis_settings: Settings) -> None:
    queue = open_queue(redis_settings)
    with pytest.raises(
        Unavailable, match="the archive's id, which is in the queue's name, can't be read"
    ):
        queue.nudge(7)


def test_a_job_whose_message_was_received_runs_without_redis(
    redis_settings: Settings, redis_server: RedisServer
) -> None:
    initialise(redis_settings)
    ran: list[int] = []
    queue = open_queue(redis_settings, ran.append)
    queue.nudge(7)
    task = queue.huey.dequeue()
    with redis_server.frozen():
        queue.huey.execute(task)
    assert ran == [7]
    queue.close()


def test_a_redis_that_hangs_is_asked_once(sqlite_settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        url = f"redis://127.0.0.1:{hanging.getsockname()[1]}/0?socket_timeout=0.3"
        queue = open_queue(sqlite_settings.model_copy(update={"queue_url": url}))
        with pytest.raises(redis.TimeoutError):
            queue.nudge(7)
        assert _count_connections(hanging) == 1
        queue.close()


def _count_connections(listener: socket.socket) -> int:
    """How many clients have connected without being accepted yet."""
    listener.setblocking(False)
    count = 0
    with suppress(BlockingIOError):
        while True:
            listener.accept()[0].close()
            count += 1
    return count


def test_a_queue_that_is_away_is_tried_now_and_then(sqlite_settings: Settings) -> None:
    tried: list[int] = []

    def fail(job_id: int, **_: object) -> None:
        tried.append(job_id)
        raise OSError("away")

    queue = open_queue(sqlite_settings)
    queue._nudge = fail
    with capture_logs() as logs:
        for number in range(5):
            queue.notify(Job(id=number))
    assert tried == [0]
    assert [entry["event"] for entry in logs] == ["notification_failed"]
