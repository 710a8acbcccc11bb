"""`is_indistinct`: the event can't be matched to one of several offers."""

from typing import Any

from peewee import Case

from glyphd.storage.derived.facts import EventColumn
from glyphd.storage.knowledge import Knowledge
from glyphd.storage.predecessors import Origin, is_indistinct_alone, predecessors


class Indistinct(EventColumn):
    name = "is_indistinct"

    def of_row(self, origin: Origin) -> Any:
        indistinct = (predecessors.c.is_indistinct == 1) | is_indistinct_alone(origin)
        return Case(None, [(indistinct, 1)], 0)

    def of_event(self, event: Any, known: Knowledge) -> Any:
        return event.c.is_indistinct
