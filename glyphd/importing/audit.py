"""Checks the registry: imports with the status succeeded must be in the archive."""

from itertools import islice

from peewee import Database

from glyphd.db.archive_models import ImportBatch
from glyphd.importing.registry import Registry

_AT_ONCE = 500


def missing_batches(registry: Registry, archive: Database) -> list[str]:
    """Imports that succeeded according to the registry, but whose batch is not in the archive."""
    missing: list[str] = []
    succeeded = iter(registry.succeeded())
    with archive.connection_context():
        while ids := list(islice(succeeded, _AT_ONCE)):
            query = ImportBatch.select(ImportBatch.import_id).where(ImportBatch.import_id.in_(ids))
            held = {row[0] for row in archive.execute(query)}
            missing += [import_id for import_id in ids if import_id not in held]
    return missing
