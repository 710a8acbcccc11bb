"""What a worker has in addition to the services shared with the API."""

from dataclasses import dataclass, field
from threading import Event

from peewee import Database

from glyphd.services import Services
from worker.apart import Reader


@dataclass(frozen=True)
class WorkerContext:
    """`archive` is open for writing; `stopping` is set when the process must stop; `reader` reads
    large files.

    `is_suspect` is set after a job had an unexplained database error: the database may be damaged.
    """

    services: Services
    archive: Database
    stopping: Event
    reader: Reader = field(default_factory=Reader)
    is_suspect: Event = field(default_factory=Event)
