"""ListingStore: the archive as a library, on SQLite or PostgreSQL."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TypeVar

from peewee import Database, Select
from pydantic import BaseModel, TypeAdapter

from glyphd.contracts.column_checks import CheckOptions, Chunk, ColumnCheck
from glyphd.contracts.findings import Findings
from glyphd.contracts.gpu_listings import GPUListingDTO, row_cells
from glyphd.contracts.import_contracts import (
    GPUModelDTO,
    ImportId,
    ImportMetadata,
    ImportResultDTO,
    QuantizedListingDTO,
    ScoredListingDTO,
)
from glyphd.contracts.object_cells import OBJECT_HEADER
from glyphd.db.archive_models import (
    GPUModel,
    ImportBatch,
    QuantizedListing,
    ScoredListing,
)
from glyphd.db.connections import open_archive
from glyphd.db.migrations import initialise_archive
from glyphd.errors import InvalidSettings, RowsRefused
from glyphd.settings import Settings, settings_of_file
from glyphd.storage.batches import Batch
from glyphd.storage.clock import last_moment, latest_seen_at
from glyphd.storage.knowledge import present
from glyphd.storage.predicates import restrict
from glyphd.storage.result_rows import SELECTABLE_COLUMNS, read_rows, select_rows
from glyphd.storage.staging import Stage, StagedColumns, open_stage
from glyphd.storage.timelines import MODEL_TIMELINE, TIMELINE
from glyphd.storage.writing import write_batch
from glyphd.storage.written import Written, find_written
from glyphd.times import now_text, read_stored, utc_text

log = logging.getLogger("glyphd")
"""The standard library's logger: a program that uses the store configures it."""

CHUNK_ROWS = 1000
AnyDTO = TypeVar("AnyDTO", bound=BaseModel)
_IMPORT_ID: TypeAdapter[str] = TypeAdapter(ImportId)


class ListingStore(ABC):
    """The interface to the archive: writes scored listings, and returns current listings and
    imports."""

    @abstractmethod
    def insert_listings(self, listings: Iterable[GPUListingDTO], import_id: str) -> ImportResultDTO:
        """Writes the listings as one import, in one transaction.

        `import_id` is any text of 1–64 characters. Repeating it with the same listings changes
        nothing and returns the first result; with other listings it raises ImportConflict. Raises
        RowsRefused without listings.
        """

    @abstractmethod
    def query_listings(
        self,
        *,
        model: str | Sequence[str] | None = None,
        region: str | Sequence[str] | None = None,
        min_score: float | None = None,
        max_score: float | None = None,
        min_price: float | None = None,
        max_price: float | None = None,
        after: datetime | None = None,
        import_id: str | None = None,
        limit: int | None = None,
    ) -> list[ScoredListingDTO]:
        """The matching current listings, latest `seen_at` first; with `import_id` all that import's
        rows, in order.

        Text is compared without regard to ASCII case, bounds are inclusive, `after` is exclusive; a
        time without an offset is UTC.
        """

    @abstractmethod
    def list_imports(self) -> list[ImportMetadata]:
        """All committed imports, newest first."""

    @abstractmethod
    def list_models(self) -> list[GPUModelDTO]:
        """Every GPU model with its latest known specs, by name."""

    @abstractmethod
    def list_capacities(self, import_id: str) -> list[QuantizedListingDTO]:
        """The quantization capacities from this import, in its order."""


class DatabaseListingStore(ListingStore):
    """A store on an archive database that has its schema."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def insert_listings(self, listings: Iterable[GPUListingDTO], import_id: str) -> ImportResultDTO:
        _IMPORT_ID.validate_python(import_id)
        with self.database.connection_context(), open_stage(self.database) as stage:
            before = find_written(self.database, import_id)
            received_at = _received_at(before)
            latest = latest_seen_at(last_moment(self.database), received_at)
            for columns in staged_columns(listings, CheckOptions(received_at, latest)):
                stage.add(columns)
            result = self._write(stage, import_id, received_at)
        if before is None:
            log.info("import %s written, record_count=%d", import_id, result.record_count)
        return result

    def query_listings(
        self,
        *,
        model: str | Sequence[str] | None = None,
        region: str | Sequence[str] | None = None,
        min_score: float | None = None,
        max_score: float | None = None,
        min_price: float | None = None,
        max_price: float | None = None,
        after: datetime | None = None,
        import_id: str | None = None,
        limit: int | None = None,
    ) -> list[ScoredListingDTO]:
        wanted = {
            "model": _listed(model),
            "region": _listed(region),
            "min_score": min_score,
            "max_score": max_score,
            "min_price": min_price,
            "max_price": max_price,
            "after": None if after is None else utc_text(after),
            "import_id": _listed(import_id),
        }
        with self.database.connection_context():
            known = present(self.database)
            if import_id is None:
                rows = select_rows(SELECTABLE_COLUMNS, known, MODEL_TIMELINE if model else TIMELINE)
                rows = rows.where(known.is_current()).order_by(
                    ScoredListing.seen_at.desc(), ScoredListing.id.desc()
                )
            else:
                rows = select_rows(SELECTABLE_COLUMNS, known).order_by(ScoredListing.import_index)
            query = restrict(rows, self.database, wanted).limit(limit)
            return [
                ScoredListingDTO.model_validate(row)
                for row in read_rows(self.database, query, SELECTABLE_COLUMNS)
            ]

    def list_imports(self) -> list[ImportMetadata]:
        return self._all(ImportMetadata, ImportBatch.select().order_by(ImportBatch.id.desc()))

    def list_models(self) -> list[GPUModelDTO]:
        return self._all(GPUModelDTO, GPUModel.select().order_by(GPUModel.canonical_model))

    def list_capacities(self, import_id: str) -> list[QuantizedListingDTO]:
        query = QuantizedListing.select().where(QuantizedListing.import_id == import_id)
        return self._all(QuantizedListingDTO, query.order_by(QuantizedListing.import_index))

    def _all(self, kind: type[AnyDTO], query: Select) -> list[AnyDTO]:
        with self.database.connection_context():
            rows = query.bind(self.database)
            return [
                kind.model_validate({name: getattr(row, name) for name in kind.model_fields})
                for row in rows
            ]

    def _write(self, stage: Stage, import_id: str, received_at: str) -> ImportResultDTO:
        if not stage.count:
            raise RowsRefused("an import needs at least one listing")
        stage.complete()
        written = write_batch(
            self.database, stage, Batch(import_id, result={"received_at": received_at})
        )
        return ImportResultDTO(
            import_id=import_id,
            record_count=written.record_count,
            first_model=written.first_model,
            last_model=written.last_model,
            timestamp=read_stored(written.imported_at),
        )


class SqliteListingStore(DatabaseListingStore):
    """An archive in a SQLite file, by default where the server keeps its own. Creates the schema if
    it is missing.

    Raises SchemaOutdated for a file with an older schema, naming the command that upgrades it.
    """

    def __init__(self, db_path: str | Path = "data/gpu.sqlite") -> None:
        if str(db_path) == ":memory:":
            raise InvalidSettings("an archive must be a file: :memory: would lose every listing")
        super().__init__(_initialised(settings_of_file(Path(db_path))))


class PostgresListingStore(DatabaseListingStore):
    """An archive on PostgreSQL, with the same rules and results. Creates the schema if it is
    missing."""

    def __init__(self, database_url: str) -> None:
        super().__init__(_initialised(Settings(database_url=database_url)))


def _initialised(settings: Settings) -> Database:
    initialise_archive(settings)
    return open_archive(settings, read_only=False)


def _received_at(before: Written | None) -> str:
    """The `seen_at` of listings that have none: now, or the value that was used when this import
    was first written."""
    return str(before.result.get("received_at", before.imported_at)) if before else now_text()


def staged_columns(
    listings: Iterable[GPUListingDTO], options: CheckOptions
) -> Iterator[StagedColumns]:
    """The listings in chunks for the stage. Raises RowsRefused for one that the row
    contract refuses."""
    check = ColumnCheck(OBJECT_HEADER, options, Findings())
    remaining, count = iter(listings), 0
    while cells := list(map(row_cells, islice(remaining, CHUNK_ROWS))):
        numbers = range(count + 1, count + len(cells) + 1)
        count += len(cells)
        places = {"import_index": numbers, "line": numbers}
        values, faults = check.values(Chunk(places, list(zip(*cells, strict=True))))
        for at, found in faults.items():
            column, fault = next(iter(found.items()))
            raise RowsRefused(f"listing {numbers[at]}: {column} {fault.message}")
        yield {"import_index": numbers, **values}


def _listed(value: str | Sequence[str] | None) -> list[str] | None:
    if value is None:
        return None
    return [value] if isinstance(value, str) else list(value)
