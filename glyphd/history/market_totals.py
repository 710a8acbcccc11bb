"""Totals of the archive at a moment: its latest import, and its number of sources."""

from dataclasses import dataclass

from peewee import Database, Select, fn

from glyphd.db.archive_models import ImportBatch
from glyphd.db.dialects import caseless
from glyphd.storage.knowledge import Knowledge


@dataclass(frozen=True)
class LatestImport:
    """The latest import that has rows and counts."""

    import_id: str
    imported_at: str
    source: str | None
    record_count: int


@dataclass(frozen=True)
class MarketTotals:
    """The number of imports that counted and of their sources, the latest `seen_at` of their rows,
    and the latest import."""

    imports: int
    sources: int
    last_seen_at: str | None
    latest: LatestImport | None


def market_totals(database: Database, known: Knowledge) -> MarketTotals:
    """The caller holds the connection."""
    source = caseless(database, ImportBatch.source)
    counted = (fn.COUNT(ImportBatch.id), fn.COUNT(fn.DISTINCT(source)))
    query = _counting(known, *counted, fn.MAX(ImportBatch.last_seen_at))
    imports, sources, last_seen_at = database.execute(query).fetchone()
    columns = (
        ImportBatch.import_id,
        ImportBatch.imported_at,
        ImportBatch.source,
        ImportBatch.record_count,
    )
    latest = _counting(known, *columns).order_by(ImportBatch.imported_at.desc()).limit(1)
    row = database.execute(latest).fetchone()
    return MarketTotals(imports, sources, last_seen_at, LatestImport(*row) if row else None)


@dataclass(frozen=True)
class RecentImport:
    """Condition: an import that has rows, whether it counts or not."""

    import_id: str
    imported_at: str
    source: str | None
    filename: str | None
    record_count: int
    rolled_back_at: str | None


def recent_imports(database: Database, known: Knowledge, limit: int) -> list[RecentImport]:
    """The imports in the archive, at a moment or now, the latest first. The caller holds the
    connection."""
    columns = ("import_id", "imported_at", "source", "filename", "record_count", "rolled_back_at")
    query = ImportBatch.select(*(ImportBatch._meta.columns[name] for name in columns))
    if known.as_of is not None:
        query = query.where(ImportBatch.imported_at <= known.as_of)
    rows = database.execute(query.order_by(ImportBatch.imported_at.desc()).limit(limit))
    return [RecentImport(*row) for row in rows]


def _counting(known: Knowledge, *columns: object) -> Select:
    query: Select = ImportBatch.select(*columns)
    if known.as_of is not None:
        query = query.where(ImportBatch.imported_at <= known.as_of)
    counts = known.counts(ImportBatch)
    return query if counts is None else query.where(counts)
