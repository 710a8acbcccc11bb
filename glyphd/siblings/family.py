"""This process among the API processes of its service."""

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


class OfService(IntEnum):
    """The cells that there are once."""

    IS_OPEN = 0
    """1 when requests may be answered."""
    TOKEN_CHANGES = 1
    """How often a process has changed tokens or sessions."""
    BEGAN = 2
    """When the service began, in seconds since 1970."""
    ID = 3
    """Names what the service's processes share on the disk."""
    LARGE_JSON = 4
    """The process that holds a large JSON body, by its number, from 1 on; 0 for none."""


class OfProcess(IntEnum):
    """The cells of each process."""

    PID = 0
    IS_LISTENING = 1
    CONNECTIONS = 2
    SCRATCH_BYTES = 3
    """The space of the answers that it is writing."""
    CPU_BEFORE = 4
    """The processor time of its predecessors in nanoseconds, as they last stated it."""
    CPU_SHOWN = 5
    """The same with its own, as last shown in `/metrics`."""


class OfUpload(IntEnum):
    """The cells of an upload in progress; all are zero where there is none."""

    ID = 0
    PROCESS = 1
    """The number of its process, from 1 on."""
    BEGAN = 2
    """In nanoseconds of the monotonic clock, which all processes share."""
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
"""What ends with a process. Its counters stay: whoever comes after it counts on."""


class Siblings:
    """The processes of one service by their numbers, and the memory that they share.

    Each process writes only cells of its own, or holds `locked()`. A process that is killed
    releases the lock at that moment, and `bury` frees what it held.
    """

    def __init__(self, shape: Shape, descriptor: int = NO_DESCRIPTOR, number: int = 0) -> None:
        self.count = shape.processes
        self.number = number
        self.descriptor = descriptor
        # Reentrant: a file that is collected as garbage in such a block gives back its space.
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
        """No other thread and no other process is in such a block meanwhile. For moments only."""
        with self._lock:
            self._depth += 1
            is_shared = self._depth == 1 and self.descriptor != NO_DESCRIPTOR
            try:
                if is_shared:
                    # Of a process, not of an open file: it ends with the process.
                    fcntl.lockf(self.descriptor, fcntl.LOCK_EX)
                yield
            finally:
                if is_shared:
                    fcntl.lockf(self.descriptor, fcntl.LOCK_UN)
                self._depth -= 1

    def join(self) -> None:
        """This process takes its number; the counters of its predecessor go on."""
        with self.locked():
            self._clear(self.number)
            self.own[OfProcess.PID] = os.getpid()
            self.own[OfProcess.CPU_BEFORE] = self.own[OfProcess.CPU_SHOWN]

    def bury(self, number: int) -> None:
        """Frees what the process with this number held. It has ended."""
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
        """Whether nobody had this cell; then this process has it, until it gives it back or
        ends."""
        with self.locked():
            if self.service[cell]:
                return False
            self.service[cell] = self.number + 1
        return True

    def give_back(self, cell: OfService) -> None:
        """Another process, or another thread, may take it."""
        self.service[cell] = 0

    def open_doors(self) -> None:
        """From now on requests are answered."""
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
        """Others may leave connections to this process from now on."""
        self.own[OfProcess.IS_LISTENING] = 1

    def end_listening(self) -> None:
        self.own[OfProcess.IS_LISTENING] = 0

    def tell_connections(self, count: int) -> None:
        """So many connections this process has."""
        self.own[OfProcess.CONNECTIONS] = count

    def listening(self) -> int:
        """How many processes accept connections."""
        return sum(row[OfProcess.IS_LISTENING] for row in self.processes)

    def has_idler(self) -> bool:
        """Whether another one that accepts connections has fewer of them than this one."""
        mine = self.own[OfProcess.CONNECTIONS]
        return any(
            row[OfProcess.IS_LISTENING] and row[OfProcess.CONNECTIONS] < mine
            for row in self.processes
        )

    def share_of(self, limit: int) -> int:
        """This process's part of a limit for all, at least 1."""
        return max(limit // self.count, 1)

    def total(self, cell: OfProcess) -> int:
        return sum(row[cell] for row in self.processes)


def alone(uploads: int = UPLOADS_ALONE) -> Siblings:
    """A process without siblings, whose memory is its own."""
    siblings = Siblings(Shape(1, uploads))
    siblings.join()
    return siblings


def found_family(count: int, uploads: int) -> Siblings:
    """The siblings of a new service, for who starts them: it is none of them itself."""
    shape = Shape(count, uploads)
    family = Siblings(shape, create_memory(shape))
    family.service[OfService.ID] = secrets.randbits(_ID_BITS)
    return family


def free_upload(row: memoryview) -> None:
    """This place is free."""
    for cell in OfUpload:
        row[cell] = 0
