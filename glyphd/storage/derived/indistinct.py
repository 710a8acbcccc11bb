"""`is_indistinct`: the event can't be matched to one of several offers."""

from typing import Any

from peewee import Case

from glyphd.storage.derived.facts import EventColumn, Incoming
from glyphd.storage.knowledge import Knowledge
from glyphd.storage.predecessors import is_indistinct_alone, predecessors


class Indistinct(EventColumn):
    name = "is_indistinct"

    def of_row(self, incoming: Incoming) -> Any:
        indistinct = (predecessors.c.is_indistinct == 1) | is_indistinct_alone(incoming.origin)
        return Case(None, [(indistinct, 1)], 0)

    def of_event(self, event: Any, known: Knowledge) -> Any:
        return event.c.is_indistinct
