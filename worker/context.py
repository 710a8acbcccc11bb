"""What a worker has beside the services it shares with the API."""

from dataclasses import dataclass
from threading import Event

from peewee import Database

from glyphd.services import Services


@dataclass(frozen=True)
class WorkerContext:
    """`archive` is open for writing; `stopping` is set when the process was told to end."""

    services: Services
    archive: Database
    stopping: Event
