"""Which offers occur in both of two imports."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from peewee import JOIN, SQL, Database, Select, fn

from glyphd.db.archive_models import ImportBatch, ScoredListing, Standing
from glyphd.storage.offers import fold_source, identity_of

OTHER = ScoredListing.alias("other")
"""The event of the other import with which an event is compared."""

_IDENTITY = identity_of(ScoredListing)
_DIFFERS = (ScoredListing.price_usd != OTHER.price_usd) | (ScoredListing.score != OTHER.score)


@dataclass(frozen=True)
class Brought:
    """The events of an import: they have all ids in a range."""

    import_id: str
    source: str
    first_id: int
    last_id: int

    @property
    def offers(self) -> Any:
        """Condition: the event is the import's latest observation of one of its offers."""
        return (ScoredListing.import_id == self.import_id) & (
            ScoredListing.standing == Standing.LAST.value
        )

    @property
    def has_first(self) -> Any:
        """Condition: `OTHER` is this import's event of the first offer of the event's identity.

        It uses ids from SQLite's index of listings, so that only this event is read, however long
        the listing's history is.
        """
        same = (OTHER.first_event_id == _IDENTITY) & (OTHER.standing == Standing.LAST.value)
        return same & OTHER.id.between(self.first_id, self.last_id)

    def blocks(self, name: str) -> Any:
        """The indistinct offers of the import by identity and price: their number, and the lowest
        ordinal."""
        event = ScoredListing.alias(f"event_of_{name}")
        is_it = (event.import_id == self.import_id) & (event.is_indistinct == SQL("1"))
        return (
            event.select(
                identity_of(event).alias("identity"),
                event.price_usd.alias("price_usd"),
                fn.MIN(event.ordinal).alias("lowest"),
                fn.COUNT(SQL("*")).alias("size"),
            )
            .where(is_it, event.standing == Standing.LAST.value)
            .group_by(identity_of(event), event.price_usd)
            .alias(name)
        )


@dataclass(frozen=True)
class Matching:
    """Which offers of one import are also in the other.

    If the offers of an identity can't be distinguished in either import, offers of equal price are
    paired as far as both imports have them. Without a URL, only imports of one source have offers
    in common.
    """

    having: Brought
    lacking: Brought

    def join(self, query: Select) -> Select:
        """The query over the offers of the one import, joined with what `is_matched` needs."""
        for blocks in (self._own, self._others):
            same = (blocks.c.identity == _IDENTITY) & (
                blocks.c.price_usd == ScoredListing.price_usd
            )
            query = query.join_from(ScoredListing, blocks, JOIN.LEFT_OUTER, on=same)  # type: ignore[attr-defined]
        return query.where(self.having.offers)

    @property
    def is_matched(self) -> Any:
        """Condition: the other import has the offer too."""
        rank = ScoredListing.ordinal - fn.COALESCE(self._own.c.lowest, ScoredListing.ordinal) + 1
        equal_price = self._has_distinct(OTHER.price_usd == ScoredListing.price_usd)
        among_equals = (fn.COALESCE(self._others.c.size, 0) >= rank) | ((rank == 1) & equal_price)
        return self._can_match & (self._is_same_offer | among_equals)

    @property
    def is_changed(self) -> Any:
        """Condition: it is one distinct offer in both imports, with a different price or score."""
        return self._can_match & (ScoredListing.is_indistinct == 0) & self._has_distinct(_DIFFERS)

    @property
    def is_changed_from_other(self) -> Any:
        """The same for a query that joins `OTHER`."""
        are_distinct = (ScoredListing.is_indistinct == 0) & (OTHER.is_indistinct == 0)
        return self._can_match & are_distinct & _DIFFERS

    @property
    def _is_same_offer(self) -> Any:
        return (ScoredListing.is_indistinct == 0) & self._has_distinct()

    def _has_distinct(self, *where: Any) -> Any:
        found = OTHER.select(SQL("1")).where(
            self.lacking.has_first, OTHER.is_indistinct == 0, *where
        )
        return fn.EXISTS(found)

    @cached_property
    def _own(self) -> Any:
        return self.having.blocks("own")

    @cached_property
    def _others(self) -> Any:
        return self.lacking.blocks("others")

    @property
    def _can_match(self) -> Any:
        if self.having.source == self.lacking.source:
            return SQL("1 = 1")
        return ScoredListing.source_url.is_null(False)


def find_brought(database: Database, import_id: str) -> Brought | None:
    """What a committed import brought, even if rolled back since; None if it is not in the
    archive."""
    batch = ImportBatch.select(fold_source(ImportBatch.source)).where(
        ImportBatch.import_id == import_id
    )
    row = database.execute(batch).fetchone()
    if row is None:
        return None
    index = ScoredListing.import_index
    first_id, last_id = (
        _event_id(database, import_id, order) for order in (index.desc(), index.asc())
    )
    return Brought(import_id, row[0], first_id, last_id)


def event_range(database: Database, import_id: str) -> tuple[int, int] | None:
    """The lowest and highest id of an import's events; no other import has ids between them. None
    if it has no events."""
    events = (
        ScoredListing.select(ScoredListing.id).where(ScoredListing.import_id == import_id).limit(1)
    )
    ends = (
        events.order_by(ScoredListing.import_index.desc()),
        events.order_by(ScoredListing.import_index),
    )
    found = [database.execute(end).fetchone() for end in ends]
    return (found[0][0], found[1][0]) if found[0] else None


def _event_id(database: Database, import_id: str, order: Any) -> int:
    events = ScoredListing.select(ScoredListing.id).where(ScoredListing.import_id == import_id)
    row = database.execute(events.order_by(order).limit(1)).fetchone()
    return row[0] if row else 0
