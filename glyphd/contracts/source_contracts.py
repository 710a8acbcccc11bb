"""The contract of a source: who sends files, and how often."""

from pydantic import Field

from glyphd.contracts.contract_base import Contract
from glyphd.contracts.described_as import TimeText
from glyphd.contracts.import_contracts import ImportStatus


class SourceView(Contract):
    """A source of imports as clients see it."""

    source: str = Field(description="As its last import spells it; ASCII case does not matter")
    last_import_id: str
    last_status: ImportStatus
    last_received_at: TimeText
    last_success_id: str | None = Field(
        description="Its last import that succeeded, dry runs left out"
    )
    last_success_at: TimeText | None
    usual_interval_seconds: float | None = Field(
        description="The median of the latest ten intervals between successes; null for fewer than "
        "three"
    )
    silent: bool = Field(description="Whether its last success is clearly longer ago than usual")
    silent_since: TimeText | None
    complete: bool = Field(
        description="Whether it has sent a complete file, which says what is gone"
    )
    complete_at: TimeText | None = Field(description="The moment for which that file is complete")
    current_listings: int = Field(
        description="Current listings whose latest observation is from it"
    )
