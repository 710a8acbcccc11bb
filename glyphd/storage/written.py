"""What is known about an import whose batch is in the archive."""

import json
from dataclasses import dataclass
from typing import Any

from peewee import Database, Node

from glyphd.db.archive_models import ImportBatch
from glyphd.db.compiled import compiled, given


@dataclass(frozen=True)
class Written:
    """A committed batch, now or on an earlier attempt."""

    record_count: int
    first_model: str | None
    last_model: str | None
    imported_at: str
    result: dict[str, Any]


def find_written(database: Database, import_id: str) -> Written | None:
    """The committed batch of this import, or None."""
    (finding,) = _finding_batch(database)
    row = finding.execute(database, import_id=import_id).fetchone()
    if row is None:
        return None
    count, first_model, last_model, imported_at, result = row
    return Written(count, first_model, last_model, imported_at, json.loads(result))


@compiled
def _finding_batch(database: Database) -> list[Node]:
    columns = (
        ImportBatch.record_count,
        ImportBatch.first_model,
        ImportBatch.last_model,
        ImportBatch.imported_at,
        ImportBatch.result,
    )
    return [ImportBatch.select(*columns).where(ImportBatch.import_id == given("import_id"))]
