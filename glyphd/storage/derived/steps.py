"""`change_step`: how far the price moved since the previous observation; see `change_steps`."""

from types import SimpleNamespace
from typing import Any

from peewee import Case

from glyphd.storage.change_steps import step_between
from glyphd.storage.derived.facts import EventColumn
from glyphd.storage.knowledge import Knowledge
from glyphd.storage.predecessors import Origin, predecessors


class Steps(EventColumn):
    name = "change_step"

    def of_row(self, origin: Origin) -> Any:
        return predecessors.c.change_step

    def of_event(self, event: Any, known: Knowledge) -> Any:
        earlier = SimpleNamespace(price_usd=event.c.earlier_price, score=event.c.earlier_score)
        is_compared = (
            (event.c.counts == 1) & (event.c.is_indistinct == 0) & (event.c.earlier_indistinct == 0)
        )
        return Case(None, [(is_compared, step_between(earlier, event.c))], None)
