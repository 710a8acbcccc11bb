"""The operations of every derived fact. Those that a fact does not need do nothing."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from peewee import Database, Node, Select, Value

from glyphd.contracts.columns import ROW_SCHEMA_VERSION
from glyphd.storage.knowledge import Knowledge
from glyphd.storage.predecessors import Origin
from glyphd.storage.staging import staged


@dataclass(frozen=True)
class Incoming:
    """An import while it is written: its rows are staged, and `predecessors` is filled."""

    database: Database
    import_id: str
    origin: Origin
    top: int
    """Ids are `top - import_index`: they increase from import to import and decrease within one."""
    schema_version: int = ROW_SCHEMA_VERSION
    """The version of the row contract by which the rows were read."""

    def event_id(self, import_index: Any = staged.c.import_index) -> Any:
        """Expression: the id of the event of the row with this index."""
        return Value(self.top) - import_index


class Fact:
    """Something derived from the events. Its statements run in the caller's transaction, in
    order."""

    def row_columns(self, incoming: Incoming) -> Mapping[str, Any]:
        """The columns of `scored_listings` with which the events of staged rows are inserted."""
        return {}

    def before_rows(self, incoming: Incoming) -> Iterable[Node]:
        """The statements of an import before its events are inserted."""
        return ()

    def after_rows(self, incoming: Incoming) -> Iterable[Node]:
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
    def of_row(self, incoming: Incoming) -> Any:
        """Expression: its value for the event of a staged row."""

    @abstractmethod
    def of_event(self, event: Any, known: Knowledge) -> Any:
        """Expression: its value for an event of `followed_events`."""

    def row_columns(self, incoming: Incoming) -> Mapping[str, Any]:
        return {self.name: self.of_row(incoming)}
