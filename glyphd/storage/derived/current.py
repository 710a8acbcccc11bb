"""`is_current`: the latest observation of a listing whose offer is not gone."""

from collections.abc import Iterable
from typing import Any

from peewee import Case, Node

from glyphd.db.archive_models import ScoredListing, Standing
from glyphd.storage.derived.facts import EventColumn
from glyphd.storage.knowledge import Knowledge
from glyphd.storage.offers import gone_at
from glyphd.storage.predecessors import Origin, rows_to_renew, superseded
from glyphd.storage.stage_tables import staged


class Current(EventColumn):
    name = "is_current"

    def of_row(self, origin: Origin) -> Any:
        return Case(None, [(is_history(origin, staged.c), 0)], 1)

    def of_event(self, event: Any, known: Knowledge) -> Any:
        is_gone = gone_at(event.c, known.counting).is_null(False)
        is_alone = event.c.group_id.is_null()
        return Case(None, [(~is_latest(event), 0), (is_alone, 1), (is_gone, 0)], 1)

    def before_rows(self) -> Iterable[Node]:
        return [ScoredListing.update(is_current=0).where(ScoredListing.id.in_(superseded()))]


def is_history(origin: Origin, row: Any) -> Any:
    """Condition: the staged row is not its listing's latest, or a renewal must determine that."""
    waits_for_renewal = row.import_index.in_(rows_to_renew())
    if not origin.is_grouped:
        return waits_for_renewal
    return (row.standing > Standing.LEFT_OUT.value) | waits_for_renewal


def is_latest(event: Any) -> Any:
    """Condition: the event of `followed_events` is the last of its listing that counts."""
    return (event.c.counts == 1) & event.c.next_id.is_null()
