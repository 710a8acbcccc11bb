"""The lists of imports and of stored row errors, as `Result`s."""

from collections.abc import Iterator
from typing import Any, BinaryIO

from glyphd.api.own_addresses import own_prefix
from glyphd.api.visitors import own_source
from glyphd.contracts.import_contracts import ImportView
from glyphd.contracts.queries import ImportQuery
from glyphd.contracts.row_errors import ERROR_FIELDS
from glyphd.db.registry_models import Job
from glyphd.importing.error_report import is_between_errors, read_errors
from glyphd.importing.import_filters import IMPORT_FILTERS
from glyphd.importing.registry import Registry
from glyphd.importing.status import view_imports
from glyphd.listings.cursors import read_cursor
from glyphd.listings.results import Page, RowStream, cut_page
from glyphd.request_errors import InvalidCursor
from glyphd.uploads import UploadStore

BLOCK_ROWS = 200
"""Imports read at a time, because a status can have many row errors."""


class ImportList:
    """Imports, newest first."""

    columns = tuple(ImportView.model_fields)

    def __init__(self, registry: Registry, asked: ImportQuery) -> None:
        self._registry = registry
        self._cursor = asked.cursor
        wanted = asked.model_dump(mode="json", include=set(IMPORT_FILTERS))
        self._wanted = wanted | {"source": own_source(asked.source)}

    def page(self, limit: int) -> Page:
        rows = self._rows(limit + 1)
        return cut_page(self.columns, rows, limit, self._wanted)

    def count(self) -> int:
        return self._registry.count_imports(self._wanted)

    def _rows(self, most: int) -> Iterator[tuple[list[int], list[Any]]]:
        """Each import after the cursor with its position, read in blocks."""
        before = read_cursor(self._wanted, self._cursor, (int,))[0] if self._cursor else None
        while block := self._registry.imports(
            self._wanted, before=before, limit=min(BLOCK_ROWS, most)
        ):
            for job, view in zip(
                block, view_imports(self._registry, block, prefix=own_prefix()), strict=True
            ):
                yield [job.id], list(view.model_dump(mode="json").values())
            before = block[-1].id


class KeptErrors:
    """The row errors of one import after the cursor, in file order."""

    columns = ERROR_FIELDS

    def __init__(self, uploads: UploadStore, job: Job, cursor: str | None) -> None:
        self._uploads = uploads
        self._name = job.errors_name
        self._identity = [job.import_id, job.errors_name]
        self._cursor = cursor

    def page(self, limit: int) -> Page:
        return cut_page(self.columns, self._read(), limit, self._identity)

    def everything(self) -> RowStream:
        for _, row in self._read():
            yield row

    def _read(self) -> Iterator[tuple[list[int], list[Any]]]:
        """Each error with the offset where it ends."""
        if self._name is None:
            return
        with self._uploads.open(self._name) as kept:
            for end, error in read_errors(kept, self._start(kept)):
                yield [end], list(error.values())

    def _start(self, kept: BinaryIO) -> int:
        start: int = read_cursor(self._identity, self._cursor, (int,))[0] if self._cursor else 0
        if not is_between_errors(kept, start):
            raise InvalidCursor("this is not a cursor from glyphd", parameter="cursor")
        return start
