"""The contracts of webhooks: the requests that create or change one, and how it is shown."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from glyphd.contracts.contract_base import Contract
from glyphd.contracts.described_as import TimeText
from glyphd.contracts.event_contracts import EventKind
from glyphd.contracts.import_options import Description
from glyphd.contracts.numeric_cells import MAX_INTEGER, IntegerCell
from glyphd.contracts.queries import Limit, PageQuery

AttemptOutcome = Literal["waiting", "delivered", "failed"]
Position = Annotated[int, Field(strict=True, ge=0, le=MAX_INTEGER)]


class WebhookBody(Contract):
    """What a webhook may be created with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(description="Where events are sent, with http or https")
    kinds: list[EventKind] = Field(
        default_factory=list, description="The kinds of events that it gets; none: all"
    )
    description: Description | None = Field(None, description="Free text")
    after: Position | None = Field(
        None, description="It gets events later than this one; default: the latest event"
    )


class WebhookChange(Contract):
    """What may be changed of a webhook; what is left out stays as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field("", description="Where events are sent")
    kinds: list[EventKind] = Field(
        default_factory=list, description="The kinds of events that it gets; none: all"
    )
    description: Description | None = Field(None, description="Free text")
    after: Position = Field(0, description="It gets events later than this one")
    enabled: Annotated[bool, Field(strict=True)] = Field(
        True, description="false stops it; true starts it again where it stopped"
    )


class WebhookView(Contract):
    """A webhook as clients see it."""

    webhook_id: str
    url: str
    kinds: list[EventKind]
    description: str | None
    enabled: bool
    disabled_reason: Literal["gone", "failing"] | None
    created_at: TimeText
    after: int
    last_delivered_at: TimeText | None
    failures: int
    failing_since: TimeText | None
    next_attempt_at: TimeText | None
    last_error: str | None


class WebhookCreated(WebhookView):
    """A webhook with the secret, which is shown this once."""

    secret: str


class AttemptView(Contract):
    """An attempt as clients see it."""

    id: int
    event_id: int
    kind: EventKind | None
    outcome: AttemptOutcome
    replay: bool
    started_at: TimeText
    milliseconds: int | None
    http_status: int | None
    error: str | None


class AttemptQuery(PageQuery):
    """Filter and page of the attempts of a webhook."""

    outcome: AttemptOutcome | None = Field(None, description="Attempts with this outcome")
    event_id: Annotated[int | None, IntegerCell()] = Field(
        None, description="Attempts to deliver this event"
    )
    limit: Limit = Field(None, description="Page size, 100 by default")
