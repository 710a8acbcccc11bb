"""Chooses which request gets a thread next: heavy ones share some of the threads, quick ones are
answered one after another, and one thread is reserved for probes."""

import math
import threading
import time
from collections import deque
from math import ceil

from waitress.task import ThreadedTaskDispatcher

from glyphd.api.weights import Weight
from glyphd.server.bouts import Bout
from glyphd.server.channels import Channel
from glyphd.server.limits import ServerLimits

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
    connection, which is never closed for a new one, so if three quarters of the connections wait,
    further such requests are refused. Refused clients that return immediately load the loop more
    than waiting ones.

    Quick requests are answered one after another, by the same thread as long as there are any. One
    that turns out to be slow no longer delays the others.

    `queue_cv` wakes the usual threads, `_probe_came` the one for probes: both are conditions on the
    dispatcher's lock.
    """

    queue: deque[Channel]  # type: ignore[assignment]  # all of waitress's tasks are channels

    def __init__(self, limits: ServerLimits, processes: int) -> None:
        super().__init__()
        self._quick_at_once, self._quick_seconds = limits.quick_at_once, limits.quick_seconds
        self._quick_since: dict[int, float] = {}  # by thread; none that turned out to be slow
        self._most_heavy = most_heavy(limits.threads, processes)
        self._most_waiting = limits.max_connections * 3 // 4
        self._heavy_count = 0
        self._crowded = Bout("too_many_large_answers")
        self._probe_came = threading.Condition(self.lock)
        self.set_thread_count(limits.threads + 1)

    def add_task(self, task: Channel) -> None:  # type: ignore[override]  # see queue
        task.weigh()
        with self.lock:
            if task.weight is Weight.HEAVY and self._heavy_waiting() >= self._most_waiting:
                task.turn_away()
                self._crowded.note(time.monotonic(), closed=1, limit=self._most_waiting)
            self.queue.append(task)
            if task.weight is Weight.PROBE:
                self._probe_came.notify()
            if task.weight is not Weight.QUICK or self._may_start_quick:
                self.queue_cv.notify()

    @property
    def seconds_to_look(self) -> float:
        """How soon `look` must be called, if nothing happens before."""
        return self._quick_seconds if self.queue else math.inf

    def look(self, now: float) -> None:
        """Lets other quick requests begin if one is slow, and notices when no more requests are
        refused. Call it often, from the loop's thread."""
        self._crowded.look(now)
        if not self.queue:
            return
        with self.lock:
            for thread_no, since in list(self._quick_since.items()):
                if now - since > self._quick_seconds:
                    del self._quick_since[thread_no]
                    self.queue_cv.notify()

    def handler_thread(self, thread_no: int) -> None:
        while (task := self._take(thread_no)) is not None:
            weight = task.weight  # the channel's next request may have another one
            try:
                task.service()
            except BaseException:
                self.logger.exception("Exception when servicing %r", task)
            with self.lock:
                self._heavy_count -= weight is Weight.HEAVY
                self._quick_since.pop(thread_no, None)

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
                    self._begin(task, thread_no)
                    return task
                (self._probe_came if for_probes else self.queue_cv).wait()
            self.stop_count -= 1
            self.threads.discard(thread_no)
            self.thread_exit_cv.notify()
            return None

    def _begin(self, task: Channel, thread_no: int) -> None:
        self._heavy_count += task.weight is Weight.HEAVY
        if task.weight is Weight.QUICK:
            self._quick_since[thread_no] = time.monotonic()
        elif self.queue:
            # No thread may have been woken for the quick requests in line.
            self.queue_cv.notify()

    @property
    def _may_start_quick(self) -> bool:
        return len(self._quick_since) < self._quick_at_once

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
            if task.weight is Weight.HEAVY and self._heavy_count >= self._most_heavy:
                continue
            if task.weight is Weight.QUICK and not self._may_start_quick:
                continue
            self.queue.remove(task)
            return task
        return None
