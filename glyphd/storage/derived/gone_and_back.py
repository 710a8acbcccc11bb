"""`offers_gone` and `offers_back`: when offers were gone by complete files, and listed again."""

from collections.abc import Iterable, Iterator

from peewee import JOIN, SQL, Database, Node, Select, Tuple, fn

from glyphd.db.absence_models import OfferBack, OfferGone
from glyphd.db.archive_models import ImportBatch, ScoredListing
from glyphd.storage.absences import (
    add_back,
    add_gone,
    offers_back,
    offers_gone,
    renew_after_file,
)
from glyphd.storage.comparing import MOST
from glyphd.storage.complete_files import stored_files
from glyphd.storage.derived.event_facts import renewed_listings
from glyphd.storage.derived.facts import Fact, event_id
from glyphd.storage.offers import is_from, is_observation
from glyphd.storage.predecessors import SOURCE, Origin, predecessors
from glyphd.storage.stage_tables import staged

_GONE_KEY = (OfferGone.gone_at, OfferGone.event_id)


class GoneAndBack(Fact):
    """An import renews what follows from its rows. What follows from a complete file as a whole is
    computed after everything else is written; see `renew_after_file`."""

    def after_rows(self, database: Database, origin: Origin) -> Iterable[Node]:
        if not origin.has_complete_files:
            return []
        after_gone = ScoredListing.id.in_(_rows_after_gone())
        if not origin.may_be_late:
            return [add_back(after_gone)]
        return [
            add_back(after_gone),
            add_gone(after_gone),
            add_gone(ScoredListing.id.in_(_late_rows())),
            _forget_followed(),
        ]

    def after_renewal(self, database: Database, changing: Select) -> Iterable[Node]:
        of_listings = ScoredListing.first_event_id.in_(
            renewed_listings.select(renewed_listings.c.first_event_id)
        )
        events = ScoredListing.select(ScoredListing.id).where(of_listings)
        places = ScoredListing.select(ScoredListing.seen_at, ScoredListing.id).where(of_listings)
        back_key = Tuple(OfferBack.seen_at, OfferBack.event_id)
        return [
            OfferGone.delete().where(OfferGone.event_id.in_(events)),
            OfferBack.delete().where(back_key.in_(places)),
            add_gone(of_listings),
            add_back(of_listings),
        ]

    def after_change(self, database: Database, import_id: str, kind: str) -> Iterable[Node]:
        return renew_after_file(database, import_id)

    def faults(self, archive: Database) -> Iterator[str]:
        imports = ImportBatch.select(ImportBatch.import_id)
        # All of them, so that SQLite reads import by import, rather than all events for each file.
        gone = offers_gone(ScoredListing.import_id.in_(imports))
        for model, due in ((OfferGone, gone), (OfferBack, offers_back())):
            stored = model.select(*model._meta.columns.values())
            for what, wrong in (("lacks", due.except_(stored)), ("has", stored.except_(due))):
                for row in archive.execute(wrong.limit(MOST)).fetchall():
                    yield f"{model._meta.table_name}: it {what} {', '.join(map(str, row))}"


def _rows_after_gone() -> Select:
    """The events of the rows that follow an observation after which the offer was gone. Other rows
    that follow an observation of their own source change nothing: the files that are newer than
    them list their offer."""
    gone = OfferGone.select(OfferGone.event_id)
    found: Select = predecessors.select(event_id(predecessors.c.import_index)).where(
        predecessors.c.event_id.in_(gone)
    )
    return found


def _late_rows() -> Select:
    """The events of the rows that are older than the latest complete file of their source, and
    follow no observation of that source."""
    followed, file = ScoredListing.alias("followed"), stored_files()
    is_in_file = predecessors.c.event_id.between(file.c.first_id, file.c.last_id)
    of_other = ~fn.COALESCE(is_in_file, SQL("1 = 0")) & ~is_from(followed, SOURCE)
    is_after_gone = predecessors.c.event_id.in_(OfferGone.select(OfferGone.event_id))
    found: Select = (
        staged.select(event_id())
        .join(file, on=(file.c.source == SOURCE))
        .join(
            predecessors, JOIN.LEFT_OUTER, on=(predecessors.c.import_index == staged.c.import_index)
        )
        .join(followed, JOIN.LEFT_OUTER, on=(followed.id == predecessors.c.event_id))
        .where(staged.c.seen_at < file.c.complete_at)
        .where(predecessors.c.event_id.is_null() | (of_other & ~is_after_gone))
    )
    return found


def _forget_followed() -> Node:
    """Deletes what the rows disprove: an offer that was seen again before the file that left it out
    was not gone after its previous observation."""
    rows = (
        predecessors.select(*_GONE_KEY)
        .join(OfferGone, on=(OfferGone.event_id == predecessors.c.event_id))
        .join(staged, on=(staged.c.import_index == predecessors.c.import_index))
        .where(staged.c.seen_at <= OfferGone.gone_at, is_observation(staged.c))
    )
    statement: Node = OfferGone.delete().where(Tuple(*_GONE_KEY).in_(rows))
    return statement
