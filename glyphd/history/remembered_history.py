"""What was computed of models and of pairs of imports, kept until the archive changes: API and pages ask the same."""

from dataclasses import dataclass, field

from peewee import Database

from glyphd.contracts.texts import clean_text, fold_ascii
from glyphd.history.import_diff import DiffCounts, count_diff
from glyphd.history.market_models import find_model
from glyphd.history.matching import Brought
from glyphd.history.remembering import Remembered
from glyphd.history.series import SeriesMemory, SeriesRow
from glyphd.listings.search import archive_version

KEPT_LISTS, KEPT_MODELS = 2, 10_000
"""The present and one moment, while somebody looks at that."""
KEPT_HISTORIES, KEPT_BUCKETS = 32, 1000
KEPT_SINGLE_MODELS = 256
KEPT_COUNTS = 1000


@dataclass
class RememberedHistory:
    """One for all who ask of an archive. The caller holds the connection."""

    archive: Database
    lists: SeriesMemory = field(default_factory=lambda: SeriesMemory(KEPT_LISTS, KEPT_MODELS), init=False)
    """The models."""
    buckets: SeriesMemory = field(default_factory=lambda: SeriesMemory(KEPT_HISTORIES, KEPT_BUCKETS), init=False)
    """Single models over time."""
    _models: Remembered[SeriesRow | None] = field(default_factory=lambda: Remembered(KEPT_SINGLE_MODELS), init=False)
    _counts: Remembered[DiffCounts] = field(default_factory=lambda: Remembered(KEPT_COUNTS), init=False)

    def find_model(self, name: str, as_of: str | None = None) -> SeriesRow | None:
        """The row of one model as a path names it; None when nothing of it is current."""
        name = clean_text(name)
        if "\0" in name:
            return None
        version = archive_version(self.archive)
        return self._models.get((fold_ascii(name), as_of), version, lambda: find_model(self.archive, name, as_of))

    def count_diff(self, old: Brought, new: Brought) -> DiffCounts:
        """How much one import differs from another."""
        names, version = (old.import_id, new.import_id), archive_version(self.archive)
        return self._counts.get(names, version, lambda: count_diff(self.archive, old, new))
