"""Ledgers to verify, and ways to spoil one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from peewee import Database

from glyphd.db.archive_models import GPUModel, ImportBatch, QuantizedListing, ScoredListing
from glyphd.db.connections import close_all, open_archive
from glyphd.db.registry_models import Job
from glyphd.settings import Settings
from tests.service import Service, open_service
from worker.context import WorkerContext
from worker.run_job import run_job

CAPACITIES = "quantization_capacity_7b,quantization_capacity_13b,quantization_capacity_70b"
CSV = f"model,price_usd,score,region,seller,seen_at,heuristics,{CAPACITIES}\n" + "".join(
    f"{model},2400,0.7,EU,Acme,2025-07-29,{{}},{capacities}\n"
    for model, capacities in (("L4", "1,2,3"), ("L40S", ",,"), ("L4", "1,2,3"))
)


@dataclass(frozen=True)
class Ledger(Service):
    """A service on either database that leaves no connection open, and its archive, open for
    writing."""

    archive: Database

    def work(self) -> None:
        context = WorkerContext(self.services, self.archive, Event())
        for job in self.services.registry.unfinished():
            run_job(context, job.id)

    def change(self, query: Any) -> None:
        with self.archive.connection_context():
            self.archive.execute(query)

    def path(self, status: dict[str, Any]) -> Path:
        """The kept file of an import."""
        (path,) = self.settings.uploads_dir.glob(f"{status['import_id']}.csv*")
        return path


def open_ledger(settings: Settings) -> Iterator[Ledger]:
    """An empty ledger, which is closed when the iterator is continued."""
    service = open_service(settings)
    archive = open_archive(settings, read_only=False)
    yield Ledger(service.settings, service.services, service.http, archive)
    for database in (archive, service.services.archive, service.services.registry.database):
        close_all(database)


def change_file(ledger: Ledger, status: dict[str, Any], old: bytes, new: bytes) -> None:
    """Replaces bytes in the kept file of an import."""
    path = ledger.path(status)
    path.write_bytes(path.read_bytes().replace(old, new))


def event_of(status: dict[str, Any], row: int = 1) -> Any:
    """The condition that selects one event of an import."""
    return (ScoredListing.import_id == status["import_id"]) & (ScoredListing.import_index == row)


def _change_event(**values: Any) -> Callable[[Ledger, dict[str, Any]], None]:
    return lambda ledger, status: ledger.change(
        ScoredListing.update(**values).where(event_of(status))
    )


def _forget_event(ledger: Ledger, status: dict[str, Any]) -> None:
    """Deletes an event together with the row that refers to it; otherwise the archive would
    refuse."""
    import_id = status["import_id"]
    ledger.change(
        GPUModel.delete().where(GPUModel.import_id == import_id, GPUModel.import_index == 2)
    )
    ledger.change(ScoredListing.delete().where(event_of(status, row=2)))


def _add_event(ledger: Ledger, status: dict[str, Any]) -> None:
    columns = ScoredListing._meta.columns
    with ledger.archive.connection_context():
        (row,) = ledger.archive.execute(
            ScoredListing.select(*columns.values()).where(event_of(status, row=2))
        )
    values = dict(zip(columns.values(), row, strict=True))
    own = {
        ScoredListing.id: -values[ScoredListing.id],
        ScoredListing.import_index: 9,
        ScoredListing.line: 10,
    }
    ledger.change(ScoredListing.insert(values | own))


def _forget_batch(ledger: Ledger, status: dict[str, Any]) -> None:
    for model in (GPUModel, QuantizedListing, ScoredListing, ImportBatch):
        ledger.change(model.delete().where(model.import_id == status["import_id"]))


def _forget_job(ledger: Ledger, status: dict[str, Any]) -> None:
    database = ledger.services.registry.database
    with database.connection_context():
        database.execute(Job.delete().where(Job.import_id == status["import_id"]))


def _quantized(status: dict[str, Any]) -> Any:
    return (QuantizedListing.import_id == status["import_id"]) & (
        QuantizedListing.import_index == 1
    )


Spoil = Callable[[Ledger, dict[str, Any]], object]
"""Spoils the import of `CSV` whose status it gets."""

FAULTS: dict[str, tuple[Spoil, list[str]]] = {
    "a number": (
        _change_event(price_usd=1.5),
        ["row 1 (line 2), price_usd: the file says 2400.0, the archive says 1.5"],
    ),
    "the case of a letter": (
        _change_event(seller="ACME"),
        ['row 1 (line 2), seller: the file says "Acme", the archive says "ACME"'],
    ),
    "nothing where there was something": (
        _change_event(region=None),
        ['row 1 (line 2), region: the file says "EU", the archive says null'],
    ),
    "something where there was nothing": (
        _change_event(title="L4"),
        ['row 1 (line 2), title: the file says null, the archive says "L4"'],
    ),
    "several columns": (
        _change_event(byte_offset=7, score=0.1),
        [
            (
                f"row 1 (line 2), byte_offset: the file says {len(CSV.splitlines()[0]) + 1}, the "
                "archive says 7"
            ),
            "row 1 (line 2), score: the file says 0.7, the archive says 0.1",
        ],
    ),
    "a row that is gone": (
        _forget_event,
        [
            "row 2 (line 3): only the file has it",
            "record_count is 3, but the archive has 2 rows",
        ],
    ),
    "a row too many": (
        _add_event,
        [
            "row 9 (line 10): only the archive has it",
            "record_count is 3, but the archive has 4 rows",
            "last_model is 'L4', its events give 'L40S'",
        ],
    ),
    "a wrong count": (
        lambda ledger, status: ledger.change(
            ImportBatch.update(record_count=5).where(ImportBatch.import_id == status["import_id"])
        ),
        [
            "the archive says record_count 5, the registry says 3",
            "record_count is 5, but the archive has 3 rows",
        ],
    ),
    "other capacities": (
        lambda ledger, status: ledger.change(
            QuantizedListing.update(model_13b=9).where(_quantized(status))
        ),
        ["row 1, quantization_capacity_13b: the event says 2, quantized_listings says 9"],
    ),
    "no capacities": (
        lambda ledger, status: ledger.change(QuantizedListing.delete().where(_quantized(status))),
        ["row 1: only the event has it"],
    ),
    "no file": (
        lambda ledger, status: ledger.path(status).unlink(),
        ["the kept file {import_id}.csv is missing"],
    ),
    "no batch": (_forget_batch, ["succeeded, but not in the archive"]),
    "no job": (_forget_job, ["it is in the archive, but not in the registry"]),
}
"""Each fault with the lines that report it."""
