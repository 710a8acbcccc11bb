"""A small ledger in a migrated database: one import of two rows, its rollback, and derived data."""

from typing import Any

from peewee import Database

from glyphd.db.archive_models import (
    ARCHIVE_MODELS,
    BatchChange,
    GPUModel,
    ImportBatch,
    ListingKey,
    QuantizedListing,
    ScoredListing,
)
from glyphd.db.connections import (
    close_all,
    open_archive,
    open_for_migration,
    open_registry,
)
from glyphd.db.dialects import is_sqlite
from glyphd.db.order_models import SQLITE_MODELS
from glyphd.db.registry_models import REGISTRY_MODELS, Job, Worker
from glyphd.settings import Settings
from glyphd.storage.derived.orders import Orders

IMPORT_ID = "550e8400-e29b-41d4-a716-446655440000"
NOW = "2025-07-29T12:12:00.000000Z"

BATCH = {
    "import_id": IMPORT_ID,
    "imported_at": NOW,
    "source": "perplexity",
    "record_count": 2,
    "first_model": "H100_PCIE_80GB",
    "last_model": "RTX_A6000",
    "schema_version": 2,
    "result": "{}",
    "last_seen_at": NOW,
}
EVENT = {
    "id": 2,
    "import_id": IMPORT_ID,
    "import_index": 1,
    "listing_id": bytes(range(16)),
    "first_event_id": 2,
    "schema_version": 2,
    "is_current": 1,
    "model": "H100_PCIE_80GB",
    "price_usd": 25000.5,
    "nvlink": True,
    "quantization_capacity_7b": 20,
    "quantization_capacity_13b": 10,
    "quantization_capacity_70b": 2,
    "score": 89.70154501941143,
    "seen_at": NOW,
    "ordinal": 1,
    "group_size": 1,
    "standing": 0,
    "is_indistinct": 0,
    "change_step": 10,
}
SECOND_EVENT = EVENT | {
    "id": 1,
    "import_index": 2,
    "listing_id": bytes(16),
    "first_event_id": 1,
    "is_current": 0,
    "model": "RTX_A6000",
    "nvlink": None,
    "quantization_capacity_7b": None,
    "quantization_capacity_13b": None,
    "quantization_capacity_70b": None,
}
CAPACITIES = {
    "import_id": IMPORT_ID,
    "import_index": 1,
    "model_7b": 20,
    "model_13b": 10,
    "model_70b": 2,
}
JOB = {
    "kind": "import",
    "import_id": IMPORT_ID,
    "status": "succeeded",
    "received_at": NOW,
    "schema_version": 2,
}
WORKER = {"id": "a", "host": "here", "pid": 1, "started_at": NOW, "heartbeat_at": NOW}


def fill_archive(settings: Settings) -> None:
    """Inserts rows into every table of the archive."""
    inserts = (
        ImportBatch.insert(**BATCH),
        ScoredListing.insert(**EVENT),
        ScoredListing.insert(**SECOND_EVENT),
        ListingKey.insert(listing_id=EVENT["listing_id"], current_event_id=2, first_event_id=2),
        ListingKey.insert(
            listing_id=SECOND_EVENT["listing_id"], current_event_id=None, first_event_id=1
        ),
        QuantizedListing.insert(**CAPACITIES),
        GPUModel.insert(
            canonical_model="H100_PCIE_80GB",
            nvlink=True,
            seen_at=NOW,
            import_id=IMPORT_ID,
            import_index=1,
        ),
        BatchChange.insert(import_id=IMPORT_ID, kind="rollback", changed_at=NOW),
    )
    archive = open_archive(settings, read_only=False)
    _run(
        archive,
        (*inserts, *Orders().after_renewal(archive, ScoredListing.select(ScoredListing.id))),
    )


def fill_registry(settings: Settings) -> None:
    """Inserts rows into every table of the registry."""
    _run(open_registry(settings), (Job.insert(**JOB), Worker.insert(**WORKER)))


def archive_rows(settings: Settings) -> dict[str, list[Any]]:
    """All rows of the archive's tables, by table."""
    archive = open_archive(settings, read_only=True)
    return _rows(archive, (*ARCHIVE_MODELS, *(SQLITE_MODELS if is_sqlite(archive) else ())))


def registry_rows(settings: Settings) -> dict[str, list[Any]]:
    """All rows of the registry's tables, by table."""
    return _rows(open_registry(settings), REGISTRY_MODELS)


def _run(database: Database, inserts: tuple[Any, ...]) -> None:
    with database.connection_context():
        for insert in inserts:
            database.execute(insert)
    close_all(database)


def _rows(database: Database, models: tuple[Any, ...]) -> dict[str, list[Any]]:
    with database.connection_context():
        rows = {
            model._meta.table_name: sorted(database.execute(model.select()).fetchall(), key=repr)
            for model in models
        }
    close_all(database)
    return rows


def execute_in_archive(settings: Settings, statement: str) -> None:
    database = open_for_migration(settings, settings.archive_path)
    with database.connection_context():
        database.execute_sql(statement)
