"""All derived facts. Writing an import, rollback and restore, and `verify` iterate over this
list."""

from glyphd.storage.derived.capacities import Capacities
from glyphd.storage.derived.complete_sources import CompleteSources
from glyphd.storage.derived.event_facts import EVENT_COLUMNS
from glyphd.storage.derived.facts import Fact
from glyphd.storage.derived.gone_and_back import GoneAndBack
from glyphd.storage.derived.gpu_models import GPUModels
from glyphd.storage.derived.groups import Groups
from glyphd.storage.derived.keys import Keys
from glyphd.storage.derived.orders import Orders

FACTS: tuple[Fact, ...] = (
    *EVENT_COLUMNS,
    Groups(),
    Orders(),
    Keys(),
    Capacities(),
    GPUModels(),
    CompleteSources(),
    GoneAndBack(),
)
"""The facts, in the order in which an import writes them."""
