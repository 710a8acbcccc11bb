"""The digest of a batch without a file: it proves its rows as the kept file proves those of an
upload.

A SHA-256 over lines of JSON in UTF-8: the format's name with the names of the columns, then the
values of the batch, then those of each event in the order of the rows. The same rows give the same
digest on either database.
"""

import json
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from peewee import Database

from glyphd.contracts.columns import columns_of
from glyphd.db.archive_models import ImportBatch, ScoredListing
from glyphd.db.dialects import stream
from glyphd.storage.stage_tables import STAGED_COLUMNS

_FORMAT = "glyphd rows 1"
_BATCH_COLUMNS = (
    "import_id",
    "imported_at",
    "source",
    "description",
    "filename",
    "sha256",
    "record_count",
    "first_model",
    "last_model",
    "schema_version",
    "result",
    "last_seen_at",
)
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=bytes.hex).encode


def digest_rows(database: Database, import_id: str) -> str:
    """The digest of this import's rows in the archive, in hex. Call it in a transaction; memory
    stays constant."""
    query = ImportBatch.select(*(ImportBatch._meta.columns[name] for name in _BATCH_COLUMNS))
    batch = database.execute(query.where(ImportBatch.import_id == import_id)).fetchone()
    # A batch has the columns of its own version of the row contract, without those added later.
    version = batch[_BATCH_COLUMNS.index("schema_version")]
    names = ("schema_version", *columns_of(version, STAGED_COLUMNS))
    events = ScoredListing.select(*(ScoredListing._meta.columns[name] for name in names))
    digest = sha256(_line([_FORMAT, _BATCH_COLUMNS, names]))
    digest.update(_line(batch))
    rows = events.where(ScoredListing.import_id == import_id).order_by(ScoredListing.import_index)
    for row in stream(database, rows):
        digest.update(_line(row))
    return digest.hexdigest()


def _line(values: Iterable[Any]) -> bytes:
    """Writes numbers in their shortest form, bytes in hex, and invalid text, as in a damaged page,
    as its bytes."""
    plain = [int(value) if isinstance(value, bool) else value for value in values]
    return _ENCODE(plain).encode("utf-8", "surrogateescape") + b"\n"
