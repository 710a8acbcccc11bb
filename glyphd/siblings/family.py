"""The API processes of one service, as each of them sees the others."""

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from threading import RLock

from glyphd.siblings.shared_memory import (
    NO_DESCRIPTOR,
    PROCESS_CELLS,
    SERIES_CELLS,
    SERIES_ROWS,
    UPLOAD_CELLS,
    Shape,
    create_memory,
    map_sections,
    rows_of,
)

UPLOADS_ALONE = 64
_ID_BITS = 63
_EVEN_SHARE = 16


class OfService(IntEnum):
    """The cells that the service has once."""

    IS_OPEN = 0
    """1 when requests may be answered."""
    TOKEN_CHANGES = 1
    """How often a process has changed tokens or sessions."""
    BEGAN = 2
    """When the service began, in seconds since 1970."""
    ID = 3
    """Names the files that the service's processes share."""
    LARGE_JSON = 4
    """The number, from 1, of the process that holds a large JSON body; 0 for none."""


class OfProcess(IntEnum):
    """The cells of each process."""

    PID = 0
    IS_LISTENING = 1
    CONNECTIONS = 2
    SCRATCH_BYTES = 3
    """Bytes reserved for the answers that it is writing."""
    CPU_BEFORE = 4
    """The CPU time of its predecessors in nanoseconds, as last shown in `/metrics`."""
    CPU_SHOWN = 5
    """The same including its own CPU time."""


class OfUpload(IntEnum):
    """The cells of an upload in progress; all zero if there is none."""

    ID = 0
    PROCESS = 1
    """The number of its process, from 1."""
    BEGAN = 2
    """Its start in nanoseconds of the monotonic clock, which all processes share."""
    RECEIVED = 3
    OWED = 4
    """Bytes of its reserved space that it will still fill."""
    IS_WHOLE = 5


_OF_A_LIFE = (
    OfProcess.PID,
    OfProcess.IS_LISTENING,
    OfProcess.CONNECTIONS,
    OfProcess.SCRATCH_BYTES,
)
"""The cells that are cleared when a process ends. Counters stay: its successor continues them."""


class Siblings:
    """The processes of one service by their numbers, and the memory that they share.

    A process writes only its own cells, unless it holds `locked()`. A process that is killed
    releases the lock at that moment, and `bury` frees what it held.
    """

    def __init__(self, shape: Shape, descriptor: int = NO_DESCRIPTOR, number: int = 0) -> None:
        self.count = shape.processes
        self.number = number
        self.descriptor = descriptor
        # Reentrant: a file that is garbage-collected inside the block releases its space.
        self._lock = RLock()
        self._depth = 0
        sections = map_sections(shape, descriptor)
        self.service = sections["service"]
        self.processes = rows_of(sections["processes"], PROCESS_CELLS)
        self.own = self.processes[number]
        self.uploads = rows_of(sections["uploads"], UPLOAD_CELLS)
        self.failures = sections["failures"]
        self.series = rows_of(sections["series"], SERIES_ROWS * SERIES_CELLS)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Excludes all other threads and processes from such blocks. Hold it only briefly."""
        with self._lock:
            self._depth += 1
            is_shared = self._depth == 1 and self.descriptor != NO_DESCRIPTOR
            try:
                if is_shared:
                    # This kind of lock belongs to the process, so it is released when the process
                    # ends.
                    fcntl.lockf(self.descriptor, fcntl.LOCK_EX)
                yield
            finally:
                if is_shared:
                    fcntl.lockf(self.descriptor, fcntl.LOCK_UN)
                self._depth -= 1

    def join(self) -> None:
        """Registers this process under its number; its predecessor's counters continue."""
        with self.locked():
            self._clear(self.number)
            self.own[OfProcess.PID] = os.getpid()
            self.own[OfProcess.CPU_BEFORE] = self.own[OfProcess.CPU_SHOWN]

    def bury(self, number: int) -> None:
        """Frees what the process with this number held, after it has ended."""
        with self.locked():
            self._clear(number)

    def _clear(self, number: int) -> None:
        for cell in _OF_A_LIFE:
            self.processes[number][cell] = 0
        for upload in self.uploads:
            if upload[OfUpload.PROCESS] == number + 1:
                free_upload(upload)
        if self.service[OfService.LARGE_JSON] == number + 1:
            self.service[OfService.LARGE_JSON] = 0

    def take_alone(self, cell: OfService) -> bool:
        """Takes this cell until it is released or this process ends; False if it was already
        taken."""
        with self.locked():
            if self.service[cell]:
                return False
            self.service[cell] = self.number + 1
        return True

    def give_back(self, cell: OfService) -> None:
        """Releases the cell for other processes and threads."""
        self.service[cell] = 0

    def open_doors(self) -> None:
        """From now on the service answers requests."""
        self.service[OfService.BEGAN] = int(time.time())
        self.service[OfService.IS_OPEN] = 1

    @property
    def is_open(self) -> bool:
        return bool(self.service[OfService.IS_OPEN])

    @property
    def id(self) -> str:
        """A name that no other service has."""
        return f"{self.service[OfService.ID]:016x}"

    def begin_to_listen(self) -> None:
        """From now on other processes may leave connections to this one."""
        self.own[OfProcess.IS_LISTENING] = 1

    def end_listening(self) -> None:
        self.own[OfProcess.IS_LISTENING] = 0

    def tell_connections(self, count: int) -> None:
        """Records the number of connections of this process."""
        self.own[OfProcess.CONNECTIONS] = count

    def listening(self) -> int:
        """How many processes accept connections."""
        return sum(row[OfProcess.IS_LISTENING] for row in self.processes)

    def has_idler(self) -> bool:
        """Whether another accepting process has fewer connections than this one.

        A difference of a sixteenth doesn't count, so that crowded processes accept several
        connections in one turn of their loops, which takes long for many connections.
        """
        mine = self.own[OfProcess.CONNECTIONS]
        fewer = mine - mine // _EVEN_SHARE
        return any(
            row[OfProcess.IS_LISTENING] and row[OfProcess.CONNECTIONS] < fewer
            for row in self.processes
        )

    def share_of(self, limit: int) -> int:
        """This process's share of a limit for all processes, at least 1."""
        return max(limit // self.count, 1)

    def total(self, cell: OfProcess) -> int:
        return sum(row[cell] for row in self.processes)


def alone(uploads: int = UPLOADS_ALONE) -> Siblings:
    """A process without siblings; its memory is not shared."""
    siblings = Siblings(Shape(1, uploads))
    siblings.join()
    return siblings


def found_family(count: int, uploads: int) -> Siblings:
    """The siblings of a new service, for the process that starts them. It is not one of them."""
    shape = Shape(count, uploads)
    family = Siblings(shape, create_memory(shape))
    family.service[OfService.ID] = secrets.randbits(_ID_BITS)
    return family


def free_upload(row: memoryview) -> None:
    """Marks this upload's cells as free."""
    for cell in OfUpload:
        row[cell] = 0
