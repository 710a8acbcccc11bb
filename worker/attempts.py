"""One attempt at a job: how it uses the archive, and how it ends before it is done."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from peewee import Database

from glyphd.db.checkpoints import defer_checkpoints
from glyphd.db.dialects import interrupter
from glyphd.db.troubles import DATABASE_ERRORS
from worker.context import WorkerContext
from worker.progress import Halt, Progress


class Halted(Exception):
    """The attempt must end before it is done; nothing of it is in the archive."""

    def __init__(self, why: Halt) -> None:
        super().__init__(why.value)
        self.why = why


class Attempt:
    """Common to all attempts: the progress, and a way for another thread to interrupt the running
    statement."""

    def __init__(self, context: WorkerContext) -> None:
        self.progress = Progress()
        self._context = context
        self._interrupt: Callable[[], None] | None = None

    def interrupt(self) -> None:
        """Interrupts the running statement, if there is one. Called from another thread."""
        if self._interrupt is not None:
            self._interrupt()

    @contextmanager
    def connected(self) -> Iterator[Database]:
        """The archive, open for a block that can be interrupted."""
        archive = self._context.archive
        try:
            with archive.connection_context():
                defer_checkpoints(archive)
                self._interrupt = interrupter(archive)
                try:
                    yield archive
                finally:
                    self._interrupt = None
        except DATABASE_ERRORS:
            # A halt interrupts the running statement, which looks like a database problem.
            self.go_on()
            raise

    def go_on(self) -> None:
        """The only place where an attempt ends early: raises Halted if it must."""
        if self._context.stopping.is_set():
            raise Halted(Halt.STOPPING)
        if self.progress.halted_by is not None:
            raise Halted(self.progress.halted_by)
