"""`change_step`: how far the price moved since the previous observation; see `change_steps`."""

from types import SimpleNamespace
from typing import Any

from peewee import SQL, Case, fn

from glyphd.db.archive_models import Standing
from glyphd.storage.change_steps import NEW_STEP, step_between
from glyphd.storage.derived.facts import EventColumn
from glyphd.storage.knowledge import Knowledge
from glyphd.storage.predecessors import Origin, is_indistinct_alone, predecessors
from glyphd.storage.stage_tables import staged


class Steps(EventColumn):
    name = "change_step"

    def of_row(self, origin: Origin) -> Any:
        return Case(None, [(_is_first_row(origin), NEW_STEP)], predecessors.c.change_step)

    def of_event(self, event: Any, known: Knowledge) -> Any:
        earlier = SimpleNamespace(price_usd=event.c.earlier_price, score=event.c.earlier_score)
        is_compared = (
            (event.c.counts == 1) & (event.c.is_indistinct == 0) & (event.c.earlier_indistinct == 0)
        )
        is_first = (
            (event.c.counts == 1) & (event.c.is_indistinct == 0) & event.c.earlier_id.is_null()
        )
        step = step_between(earlier, event.c)
        return Case(None, [(is_first, NEW_STEP), (is_compared, step)], None)


def _is_first_row(origin: Origin) -> Any:
    """Condition: the archive has no event of the staged row's listing that counts, and the listing
    is not a position in a group. A renewal determines whether the import itself observed it
    earlier."""
    is_known = predecessors.c.event_id.is_null(False) | (predecessors.c.is_indistinct == 1)
    is_offer = staged.c.standing <= Standing.LEFT_OUT.value
    return is_offer & ~fn.COALESCE(is_known, SQL("1 = 0")) & ~is_indistinct_alone(origin)
