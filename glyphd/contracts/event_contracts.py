"""The contracts of the event feed: the kinds of events, and what each says."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from glyphd.contracts.contract_base import Contract
from glyphd.contracts.described_as import TimeText
from glyphd.contracts.import_contracts import ImportEffect, ImportFailure, ImportStatus
from glyphd.contracts.numeric_cells import IntegerCell
from glyphd.contracts.queries import MAX_WAIT_SECONDS, Limit, OutputQuery
from glyphd.contracts.watch_contracts import WatchCondition


class EventKind(StrEnum):
    """What may happen."""

    IMPORT_FINISHED = "import.finished"
    IMPORT_ROLLED_BACK = "import.rolled_back"
    IMPORT_RESTORED = "import.restored"
    IMPORT_STALLED = "import.stalled"
    WATCH_MATCHED = "watch.matched"
    SOURCE_SILENT = "source.silent"


class EventData(Contract):
    """What every event says."""

    model_config = ConfigDict(frozen=True)

    import_id: str
    source: str | None


class ImportFinished(EventData):
    """An import has ended, in whatever way; a dry run too."""

    status: ImportStatus
    dry_run: bool
    filename: str | None
    description: str | None
    record_count: int
    rows_read: int
    error_count: int
    error: ImportFailure | None
    warnings: list[str] = Field(description="The codes of its warnings")
    effect: ImportEffect | None
    received_at: TimeText
    finished_at: TimeText
    imported_at: TimeText | None


class ImportChanged(EventData):
    """An import was rolled back or restored."""

    reason: str | None
    requested_at: TimeText
    changed_at: TimeText = Field(description="When it took effect: the moment for `as_of`")


class ImportStalled(EventData):
    """A running import has sent no heartbeat for 15 seconds."""

    filename: str | None
    attempt: int
    progress: float
    started_at: TimeText
    heartbeat_at: TimeText


class MatchedOffer(Contract):
    """An offer in the event of a watch, as it was then."""

    listing_id: str
    model: str
    condition: str | None
    seller: str | None
    region: str | None
    source_url: str | None
    price_usd: float
    previous_price_usd: float | None
    seen_at: TimeText


class WatchMatched(EventData):
    """A watch found offers in an import, a rollback or a restore."""

    watch_id: str
    name: str = Field(description="The name of the watch at that time")
    condition: WatchCondition
    value: float | None
    change: Literal["import", "rollback", "restore"] = Field(description="What changed the market")
    total: int = Field(description="How many offers it found")
    offers: list[MatchedOffer] = Field(description="The ten cheapest of them")


class SourceSilent(EventData):
    """A source has sent nothing for clearly longer than usual; `import_id` is its last success."""

    last_success_at: TimeText
    usual_interval_seconds: float
    silent_since: TimeText


DATA_OF_KIND: dict[EventKind, type[EventData]] = {
    EventKind.IMPORT_FINISHED: ImportFinished,
    EventKind.IMPORT_ROLLED_BACK: ImportChanged,
    EventKind.IMPORT_RESTORED: ImportChanged,
    EventKind.IMPORT_STALLED: ImportStalled,
    EventKind.WATCH_MATCHED: WatchMatched,
    EventKind.SOURCE_SILENT: SourceSilent,
}


class EventQuery(OutputQuery):
    """The parameters of the event feed."""

    after: Annotated[int | None, IntegerCell()] = Field(
        None, description="Only events later than the one with this id"
    )
    kind: Annotated[list[EventKind], Field(default_factory=list)] = Field(
        description="Only events of this kind; repeated: of any of them"
    )
    limit: Limit = Field(None, description="Page size, 100 by default")
    wait: Annotated[int | None, IntegerCell(maximum=MAX_WAIT_SECONDS)] = Field(
        None, description="Seconds, at most 60, to hold the answer until there is an event"
    )


class EventView(Contract):
    """An event as clients see it."""

    id: int = Field(description="Greater than that of every earlier event")
    kind: EventKind
    occurred_at: TimeText
    data: ImportFinished | ImportChanged | ImportStalled | WatchMatched | SourceSilent = Field(
        description="What happened, by its kind"
    )
