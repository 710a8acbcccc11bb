"""The composition root: builds everything that a process needs from its settings."""

from dataclasses import dataclass, field

from peewee import Database

from glyphd.db.connections import open_archive, open_registry
from glyphd.disk import ScratchSpace
from glyphd.history.remembered_history import RememberedHistory
from glyphd.importing.intake import Intake
from glyphd.importing.locks import JobLocks, open_locks
from glyphd.importing.registry import Registry
from glyphd.jobs import JobQueue, open_queue
from glyphd.settings import Settings
from glyphd.siblings.family import Siblings, alone
from glyphd.tokens.known_tokens import KnownTokens
from glyphd.uploads import UploadStore
from glyphd.uploads.opening import open_uploads


@dataclass
class Services:
    """Services that API and worker share. `archive` is read-only, and may be a standby for the API:
    only a worker opens the archive for writing, separately."""

    settings: Settings
    archive: Database
    registry: Registry
    uploads: UploadStore
    locks: JobLocks
    queue: JobQueue
    siblings: Siblings = field(default_factory=alone)
    intake: Intake = field(init=False)
    scratch: ScratchSpace = field(init=False)
    remembered: RememberedHistory = field(init=False)
    tokens: KnownTokens = field(init=False)

    def __post_init__(self) -> None:
        self.scratch = ScratchSpace(self.settings, siblings=self.siblings)
        self.remembered = RememberedHistory(self.archive)
        self.tokens = KnownTokens(
            self.registry.database,
            self.settings.tokens_file,
            self.registry.connected,
            self.siblings,
        )
        self.intake = Intake(
            self.uploads, self.registry, self.queue, max_columns=self.settings.max_columns
        )


def build_services(
    settings: Settings, archive: Database | None = None, siblings: Siblings | None = None
) -> Services:
    """Builds without connecting: nothing is opened until it is used. `archive` is read instead of
    the primary; `siblings` are the API processes to which this one belongs."""
    return Services(
        settings=settings,
        archive=archive or open_archive(settings, read_only=True),
        registry=Registry(open_registry(settings)),
        uploads=open_uploads(settings),
        locks=open_locks(settings),
        queue=open_queue(settings),
        siblings=siblings or alone(settings.max_uploads_in_flight),
    )
