"""`is_current`: the event is the latest observation of its listing, and the offer is still there."""

from collections.abc import Iterable
from typing import Any

from peewee import Case, Node

from glyphd.db.archive_models import ScoredListing, Standing
from glyphd.storage.derived.facts import Arrival, EventColumn
from glyphd.storage.knowledge import Knowledge
from glyphd.storage.offers import gone_at
from glyphd.storage.predecessors import Origin, rows_to_renew, superseded
from glyphd.storage.staging import staged


class Current(EventColumn):
    name = "is_current"

    def of_row(self, arrival: Arrival) -> Any:
        return Case(None, [(is_history(arrival.origin, staged.c), 0)], 1)

    def of_event(self, event: Any, known: Knowledge) -> Any:
        is_gone = gone_at(event.c, known.counting).is_null(False)
        return Case(None, [(~is_latest(event), 0), (event.c.group_id.is_null(), 1), (is_gone, 0)], 1)

    def before_rows(self, arrival: Arrival) -> Iterable[Node]:
        return [ScoredListing.update(is_current=0).where(ScoredListing.id.in_(superseded()))]


def is_history(origin: Origin, row: Any) -> Any:
    """Condition: the staged row is not what its listing is now, or that is to be found out by a renewal."""
    has_to_be_found_out = row.import_index.in_(rows_to_renew())
    if not origin.is_grouped:
        return has_to_be_found_out
    return (row.standing > Standing.LEFT_OUT.value) | has_to_be_found_out


def is_latest(event: Any) -> Any:
    """Condition: the event of `followed_events` is the last of its listing that counts."""
    return (event.c.counts == 1) & event.c.next_id.is_null()
