"""The operations of every derived fact. Those that a fact does not need do nothing."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from peewee import Database, Node, Select, Value

from glyphd.db.compiled import Parameter
from glyphd.storage.knowledge import Knowledge
from glyphd.storage.predecessors import TOP, Origin
from glyphd.storage.stage_tables import staged

IMPORT_ID = Value(Parameter("import_id"))
SCHEMA_VERSION = Value(Parameter("schema_version"))
"""The row contract that the rows of an import were read by."""


def event_id(import_index: Any = staged.c.import_index) -> Any:
    """Expression: the id of the event of the staged row with this index."""
    return TOP - import_index


class Fact:
    """Something derived from the events. Its statements run in the caller's transaction, in order.

    Those of an import find its rows staged and `predecessors` filled. They are compiled once for
    each kind of origin: the values of a particular import are parameters.
    """

    def row_columns(self, origin: Origin) -> Mapping[str, Any]:
        """The columns of `scored_listings` that the events of staged rows are inserted with."""
        return {}

    def prepare_rows(self, database: Database, origin: Origin) -> Iterable[Node]:
        """The statements that prepare an import: they write nothing into the archive."""
        return ()

    def before_rows(self) -> Iterable[Node]:
        """The statements of an import before its events are inserted."""
        return ()

    def after_rows(self, database: Database, origin: Origin) -> Iterable[Node]:
        """The statements of an import after its events are inserted."""
        return ()

    def renew_listings(self) -> Iterable[Node]:
        """The statements for listings whose events are all in `renewed`."""
        return ()

    def before_renewal(self, database: Database, changing: Select) -> Iterable[Node]:
        """The statements to run before the events with these ids get other values."""
        return ()

    def after_renewal(self, database: Database, changing: Select) -> Iterable[Node]:
        """The statements to run afterwards."""
        return ()

    def after_change(self, database: Database, import_id: str, kind: str) -> Iterable[Node]:
        """The statements for a rollback or restore; each is executed before the next one is
        built."""
        return ()

    def faults(self, archive: Database) -> Iterator[str]:
        """A line for each difference from the events, for `verify --all`."""
        yield from ()

    def faults_of(self, archive: Database, batch: Any) -> Iterator[str]:
        """The same for one import, for every `verify`."""
        yield from ()


class EventColumn(Fact):
    """A column of the events that can change when other events are added, or stop counting."""

    name: ClassVar[str]

    @abstractmethod
    def of_row(self, origin: Origin) -> Any:
        """Expression: its value for the event of a staged row."""

    @abstractmethod
    def of_event(self, event: Any, known: Knowledge) -> Any:
        """Expression: its value for an event of `followed_events`."""

    def row_columns(self, origin: Origin) -> Mapping[str, Any]:
        return {self.name: self.of_row(origin)}
