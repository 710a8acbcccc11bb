"""One attempt at one rollback or restore."""

from glyphd.importing.claims import Claim
from glyphd.storage.batch_changes import Change, change_batch
from worker.attempts import Attempt
from worker.context import WorkerContext
from worker.watching import look_for_watches


class ChangeAttempt(Attempt):
    """Makes an import's events stop counting, or count again."""

    def __init__(self, context: WorkerContext, claim: Claim) -> None:
        super().__init__(context)
        self._claim = claim

    def run(self) -> str:
        """The moment when it took effect, now or in an earlier attempt. Raises Halted if it must
        end before."""
        self.progress.writing(0)
        job = self._claim.job
        look = look_for_watches(self._context.services.registry, self._claim)
        with self.connected() as archive:
            return change_batch(archive, Change(job.import_id, job.kind, job.reason), look=look)
