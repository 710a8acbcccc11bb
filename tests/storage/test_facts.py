"""Writing, renewing and verifying handle every derived fact."""

from collections.abc import Iterator
from importlib import import_module
from inspect import isabstract
from pkgutil import iter_modules

from glyphd.storage import derived
from glyphd.storage.derived.all_facts import FACTS
from glyphd.storage.derived.facts import EventColumn, Fact


def _kinds(kind: type[Fact]) -> Iterator[type[Fact]]:
    for below in kind.__subclasses__():
        yield below
        yield from _kinds(below)


def test_every_fact_is_in_the_list() -> None:
    for module in iter_modules(derived.__path__):
        import_module(f"{derived.__name__}.{module.name}")
    facts = {kind for kind in _kinds(Fact) if kind is not EventColumn and not isabstract(kind)}
    assert {type(fact) for fact in FACTS} == facts
    assert len(FACTS) == len(facts)
