"""Chooses which request gets a thread next: heavy ones share some of the threads, and one thread is
reserved for probes."""

import threading
import time
from collections import deque
from math import ceil

from waitress.task import ThreadedTaskDispatcher

from glyphd.api.weights import Weight
from glyphd.server.bouts import Bout
from glyphd.server.channels import Channel

_PROBE_THREAD = 0


def most_heavy(threads: int, processes: int = 1) -> int:
    """The most heavy requests at the same time in one of so many processes with so many threads.

    All processes together run fewer than half of one process's threads, rounded up for each: more
    would only compete for the cores. The other half may wait for imports.
    """
    return ceil(max(threads // 2 - 1, 1) / processes)


class Lanes(ThreadedTaskDispatcher):
    """waitress's dispatcher with one additional thread; its tasks are the waiting channels.

    A heavy request that can't start yet stays in the queue and uses no thread. It does use its
    connection, which is never closed for a new one, so beyond `most_waiting` such requests are
    refused. Refused clients that return immediately load the loop more than waiting ones.

    `queue_cv` wakes the usual threads, `_probe_came` the one for probes: both are conditions on the
    dispatcher's lock.
    """

    queue: deque[Channel]  # type: ignore[assignment]  # all of waitress's tasks are channels

    def __init__(self, threads: int, most_waiting: int, processes: int) -> None:
        super().__init__()
        self._most_heavy = most_heavy(threads, processes)
        self._most_waiting = most_waiting
        self._heavy_count = 0
        self._crowded = Bout("too_many_large_answers")
        self._probe_came = threading.Condition(self.lock)
        self.set_thread_count(threads + 1)

    def add_task(self, task: Channel) -> None:  # type: ignore[override]  # see queue
        task.weigh()
        with self.lock:
            if task.weight is Weight.HEAVY and self._heavy_waiting() >= self._most_waiting:
                task.turn_away()
                self._crowded.note(time.monotonic(), closed=1, limit=self._most_waiting)
            self.queue.append(task)
            if task.weight is Weight.PROBE:
                self._probe_came.notify()
            self.queue_cv.notify()

    def look(self, now: float) -> None:
        """Notices when no more requests are refused. Call it often, from the loop's thread."""
        self._crowded.look(now)

    def handler_thread(self, thread_no: int) -> None:
        while (task := self._take(thread_no)) is not None:
            is_heavy = (
                task.weight is Weight.HEAVY
            )  # the channel's next request may have another weight
            try:
                task.service()
            except BaseException:
                self.logger.exception("Exception when servicing %r", task)
            if is_heavy:
                with self.lock:
                    self._heavy_count -= 1

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:
        self.set_thread_count(0)
        with self.lock:
            self._probe_came.notify_all()
        return bool(super().shutdown(cancel_pending, timeout))  # type: ignore[arg-type]

    def _take(self, thread_no: int) -> Channel | None:
        """Waits for the next channel for this thread; None if the thread must end."""
        for_probes = thread_no == _PROBE_THREAD
        with self.lock:
            while self.stop_count == 0:
                task = self._startable(for_probes)
                if task is not None:
                    return task
                (self._probe_came if for_probes else self.queue_cv).wait()
            self.stop_count -= 1
            self.threads.discard(thread_no)
            self.thread_exit_cv.notify()
            return None

    def _heavy_waiting(self) -> int:
        return sum(task.weight is Weight.HEAVY for task in self.queue)

    def _startable(self, for_probes: bool) -> Channel | None:
        """Removes the first channel that this kind of thread can serve now from the queue.

        The queue is at most as long as the number of connections, because each has at most one
        request in it.
        """
        for task in self.queue:
            if for_probes and task.weight is not Weight.PROBE:
                continue
            if task.weight is Weight.HEAVY:
                if self._heavy_count >= self._most_heavy:
                    continue
                self._heavy_count += 1
            self.queue.remove(task)
            return task
        return None
