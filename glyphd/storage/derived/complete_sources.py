"""`complete_sources`: for each source the complete file that decides what is gone now."""

from collections.abc import Iterable, Iterator

from peewee import Database, Node

from glyphd.db.archive_models import ImportBatch
from glyphd.db.complete_models import CompleteSource
from glyphd.storage.comparing import MOST
from glyphd.storage.complete_files import COLUMNS, IS_COMPLETE, files_of
from glyphd.storage.derived.facts import Fact
from glyphd.storage.offers import fold_source

_STORED = [CompleteSource._meta.columns[name] for name in COLUMNS]
_COUNTS = ImportBatch.rolled_back_at.is_null()


class CompleteSources(Fact):
    def after_change(self, database: Database, import_id: str, kind: str) -> Iterable[Node]:
        return renew_source(import_id)

    def faults(self, archive: Database) -> Iterator[str]:
        stored, due = CompleteSource.select(*_STORED), files_of(_COUNTS)
        for what, wrong in (("lacks", due.except_(stored)), ("has", stored.except_(due))):
            for row in archive.execute(wrong.limit(MOST)).fetchall():
                yield f"complete_sources: it {what} {', '.join(map(str, row))}"


def renew_source(import_id: str) -> Iterable[Node]:
    """The statements that redetermine the latest complete file of the import's source, if the
    import is one. Its events have been written by now."""
    this = ImportBatch.select(fold_source(ImportBatch.source)).where(
        ImportBatch.import_id == import_id, IS_COMPLETE
    )
    latest = files_of(_COUNTS, fold_source(ImportBatch.source) == this)
    return [
        CompleteSource.delete().where(CompleteSource.source == this),
        CompleteSource.insert_from(latest, _STORED),
    ]
