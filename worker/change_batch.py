"""One attempt at one rollback or restore."""

from glyphd.importing.claims import Claim
from glyphd.storage.batch_changes import Change, change_batch
from worker.attempts import Attempt
from worker.context import WorkerContext


class ChangeAttempt(Attempt):
    """Makes an import's events stop counting, or count again."""

    def __init__(self, context: WorkerContext, claim: Claim) -> None:
        super().__init__(context)
        self._job = claim.job

    def run(self) -> str:
        """The moment when it took effect, now or in an earlier attempt. Raises Halted if it must
        end before."""
        self.progress.writing(0)
        with self.connected() as archive:
            return change_batch(
                archive, Change(self._job.import_id, self._job.kind, self._job.reason)
            )
