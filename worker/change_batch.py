"""One attempt at one rollback or restore."""

from glyphd.importing.claims import Claim
from glyphd.storage.batch_changes import Change, change_batch
from worker.attempts import Attempt
from worker.context import WorkerContext


class ChangeAttempt(Attempt):
    """Takes an import's events out of what counts, or back in."""

    def __init__(self, context: WorkerContext, claim: Claim) -> None:
        super().__init__(context)
        self._job = claim.job

    def run(self) -> str:
        """The moment it took effect, now or in an attempt before. Raises Halted when it has to end
        before."""
        self.progress.writing(0)
        with self.connected() as archive:
            return change_batch(
                archive, Change(self._job.import_id, self._job.kind, self._job.reason)
            )
