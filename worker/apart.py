"""Reads a large file in a second process while this one writes the rows, so that two cores are
used.

The reader sends chunks through a pipe, which blocks it while the writer is behind, so memory stays
constant. It ends by itself when the worker has ended for any reason.
"""

import fcntl
import marshal
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, TypeAlias

from glyphd.contracts.row_errors import RowError
from glyphd.db.registry_models import Job
from glyphd.importing.kept_files import GoOn
from glyphd.importing.reading import read_kept
from glyphd.importing.validation import Checked
from glyphd.memory import collect_rarely
from glyphd.settings import Settings
from glyphd.uploads import UploadStore
from glyphd.worker_package import python

LARGE_BYTES = 8 << 20
"""For a smaller file a second process is of little use."""

PATIENCE_SECONDS = 0.2
"""How long to wait for a chunk before checking whether to continue."""

_AHEAD_BYTES = 1 << 20
"""How far the reader can be ahead, some thousand rows: otherwise each process waits for the other
at every chunk. Linux allows pipes of this size for all users."""

_READER_CODE = "from glyphd.worker_package import load; load('apart').serve({}, {})"

_READY = b"ready"
"""The first message of the reading process."""

_MARSHAL_VERSION = 2
"""Later versions search for repeated objects, which takes longer than writing them twice."""


_End: TypeAlias = "Connection[Any, Any]"


def is_worth_it(job: Job) -> bool:
    """Whether the file is large, and there is a second core."""
    return (job.size_bytes or 0) >= LARGE_BYTES and len(os.sched_getaffinity(0)) > 1


class ReaderLost(Exception):
    """The reading process died: what it was about to send is lost."""


class _Chunk(NamedTuple):
    """What is sent through the pipe: only types that marshal supports."""

    bytes_read: int
    rows_read: int
    accepted: dict[str, list[Any]]
    refused: list[list[tuple[Any, ...]]]


@dataclass(frozen=True)
class _Pipes:
    """One process's ends of the two pipes to another one."""

    incoming: _End
    outgoing: _End

    def close(self) -> None:
        self.incoming.close()
        self.outgoing.close()


class RowsApart:
    """The rows read by another process, with the interface of KeptRows."""

    def __init__(self, pipe: _End, go_on: GoOn) -> None:
        self.bytes_read = 0
        self.has_ended = False
        self._found: dict[str, Any] = {}
        self._pipe = pipe
        self._go_on = go_on

    def checked(self) -> Iterator[Checked]:
        """All rows, in order, in chunks. Raises what the reader raised, and ReaderLost if it
        died."""
        while (chunk := self._receive()) is not None:
            self.bytes_read = chunk.bytes_read
            refused = [[RowError(*error) for error in errors] for errors in chunk.refused]
            yield Checked(chunk.rows_read, chunk.accepted, refused)

    def findings(self) -> dict[str, Any]:
        """What is known about the whole file besides its rows, once it has been read."""
        return self._found

    def _receive(self) -> _Chunk | None:
        while not self._pipe.poll(PATIENCE_SECONDS):
            self._go_on()
        try:
            message = self._pipe.recv_bytes()
            if message:
                return _Chunk(*marshal.loads(message))  # sent by our own process
            self._found, error = self._pipe.recv()
        except (EOFError, ConnectionError):
            raise ReaderLost("the process that read the file died") from None
        self.has_ended = True
        if isinstance(error, Exception):
            raise error
        return None


class Reader:
    """The reading process of one worker: started for its first large file, and kept for further
    ones."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._pipes: _Pipes | None = None
        self._is_ready = False

    @contextmanager
    def read(
        self,
        uploads: UploadStore,
        job: Job,
        *,
        settings: Settings,
        go_on: GoOn,
        latest_seen_at: str | None = None,
    ) -> Iterator[RowsApart]:
        """The kept file of an import, read by the other process. `go_on` raises to stop.

        A process that has not finished at the end of the block is not used again.
        """
        pipes = self._started()
        rows = RowsApart(pipes.incoming, go_on)
        try:
            while not self._answers(pipes):
                go_on()
            pipes.outgoing.send((uploads, job, settings, latest_seen_at))
            yield rows
        except (EOFError, ConnectionError):
            raise ReaderLost("the process that reads files has ended") from None
        finally:
            if not rows.has_ended:
                self.close()

    def close(self) -> None:
        """Ends the process."""
        if self._pipes is not None:
            self._pipes.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._pipes = self._process = None
        self._is_ready = False

    def _started(self) -> _Pipes:
        if self._pipes is None or self._process is None or self._process.poll() is not None:
            self.close()
            self._pipes, theirs = _connected()
            ends = [theirs.incoming.fileno(), theirs.outgoing.fileno()]
            command = [*python(), "-c", _READER_CODE.format(*ends)]
            self._process = subprocess.Popen(command, pass_fds=ends, stdin=subprocess.DEVNULL)
            theirs.close()
        return self._pipes

    def _answers(self, pipes: _Pipes) -> bool:
        if not self._is_ready and pipes.incoming.poll(PATIENCE_SECONDS):
            self._is_ready = pipes.incoming.recv_bytes() == _READY
        return self._is_ready


def _connected() -> tuple[_Pipes, _Pipes]:
    """The worker's ends and the reader's."""
    asked, asking = Pipe(duplex=False)
    reading, read = Pipe(duplex=False)
    with suppress(OSError):  # a smaller pipe works too, but is slower
        fcntl.fcntl(read.fileno(), fcntl.F_SETPIPE_SZ, _AHEAD_BYTES)
    return _Pipes(reading, asking), _Pipes(asked, read)


def serve(incoming: int, outgoing: int) -> None:
    """The loop of the reading process: reads file after file, until the other end of the pipe is
    closed."""
    collect_rarely()
    pipes = _Pipes(Connection(incoming, writable=False), Connection(outgoing, readable=False))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    try:
        pipes.outgoing.send_bytes(_READY)
        while True:
            _read(pipes.outgoing, *pipes.incoming.recv())
    except (EOFError, ConnectionError):
        return


def _read(
    pipe: _End, uploads: UploadStore, job: Job, settings: Settings, latest_seen_at: str | None
) -> None:
    """Sends chunks, then an empty message, the findings, and the error that the reading ended with,
    or None."""
    found: dict[str, Any] = {}
    ended: Exception | None = None
    try:
        with read_kept(uploads, job, settings=settings, latest_seen_at=latest_seen_at) as kept:
            for checked in kept.checked():
                accepted = {name: list(values) for name, values in checked.accepted.items()}
                refused = [[astuple(error) for error in errors] for errors in checked.refused]
                chunk = (kept.bytes_read, checked.rows_read, accepted, refused)
                pipe.send_bytes(marshal.dumps(chunk, _MARSHAL_VERSION))
            found = kept.findings()
    except ConnectionError:
        raise
    except Exception as error:  # noqa: BLE001  # the worker judges whatever it is
        ended = error
    pipe.send_bytes(b"")
    pipe.send((found, ended))
