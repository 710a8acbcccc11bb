"""The operations that every derived fact has. Those that a fact has no use for do nothing."""

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
    """An import that is being written: its rows are staged, and `predecessors` is filled."""

    database: Database
    import_id: str
    origin: Origin
    top: int
    """Ids are `top - import_index`: they grow from import to import and fall inside one."""
    schema_version: int = ROW_SCHEMA_VERSION
    """The row contract that the rows were read by."""

    def event_id(self, import_index: Any = staged.c.import_index) -> Any:
        """Expression: the id of the event of the row with this index."""
        return Value(self.top) - import_index


class Fact:
    """Something derived from the events. Its statements run in the caller's transaction, in
    order."""

    def row_columns(self, incoming: Incoming) -> Mapping[str, Any]:
        """The columns of `scored_listings` that the events of staged rows are inserted with."""
        return {}

    def before_rows(self, incoming: Incoming) -> Iterable[Node]:
        """The statements of an import before its events are inserted."""
        return ()

    def after_rows(self, incoming: Incoming) -> Iterable[Node]:
        """The statements of an import after its events are inserted."""
        return ()

    def renew_listings(self) -> Iterable[Node]:
        """The statements for the listings whose events are all in `renewed`."""
        return ()

    def before_renewal(self, database: Database, changing: Select) -> Iterable[Node]:
        """The statements before the events with these ids get other values."""
        return ()

    def after_renewal(self, database: Database, changing: Select) -> Iterable[Node]:
        """The statements after they got them."""
        return ()

    def after_change(self, database: Database, import_id: str, kind: str) -> Iterable[Node]:
        """The statements for a rollback or restore; each is executed before the next is made."""
        return ()

    def faults(self, archive: Database) -> Iterator[str]:
        """A line for each difference from what the events say, for `verify --all`."""
        yield from ()

    def faults_of(self, archive: Database, batch: Any) -> Iterator[str]:
        """The same of one import, for every `verify`."""
        yield from ()


class EventColumn(Fact):
    """A column of the events that may change when others come, or stop to count."""

    name: ClassVar[str]

    @abstractmethod
    def of_row(self, incoming: Incoming) -> Any:
        """Expression: its value for the event of a staged row."""

    @abstractmethod
    def of_event(self, event: Any, known: Knowledge) -> Any:
        """Expression: its value for an event of `followed_events`."""

    def row_columns(self, incoming: Incoming) -> Mapping[str, Any]:
        return {self.name: self.of_row(incoming)}
