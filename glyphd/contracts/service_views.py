"""The contracts of single answers: what the service says as one JSON object."""

from typing import Any, Literal

from pydantic import ConfigDict, Field

from glyphd.contracts.contract_base import Contract
from glyphd.contracts.described_as import TimeText


class HealthView(Contract):
    """The process answers."""

    status: Literal["ok"] = "ok"


class IntegrityView(Contract):
    """The result of the last check of the databases for damage."""

    result: Literal["sound", "damaged"]
    checked_at: str


class ReadyView(Contract):
    """The service can accept an import and run it."""

    status: Literal["ready"] = "ready"
    checks: dict[str, str] = Field(
        default_factory=dict,
        description="Each check by its name: `ok`, or what is wrong; missing if a needed token was "
        "not sent",
    )
    integrity: IntegrityView | None = Field(None, description="Null before the first check")
    warnings: list[str] = Field(
        default_factory=list,
        description="Problems that don't stop imports, such as a standby that does not answer",
    )


class RowContractView(Contract):
    """The published row contract."""

    schema_version: int
    columns: list[str]
    required: list[str]
    aliases: dict[str, str] = Field(description="Other names of columns, and the column of each")
    json_schema: dict[str, Any] = Field(description="JSON Schema of one row, draft 2020-12")


class RowVersionView(Contract):
    """A version of the row contract."""

    schema_version: int
    columns: list[str] = Field(description="The columns that rows of this version have, in order")
    added: list[str] = Field(description="Those that the version before did not have")


class DiffLinks(Contract):
    """Where the lists of a difference are found."""

    self: str
    added: str
    removed: str
    changed: str


class DiffView(Contract):
    """How many listings were added, removed and changed between two imports."""

    a: str
    b: str
    added: int
    removed: int
    changed: int
    unchanged: int
    links: DiffLinks


class MomentDiffLinks(DiffLinks):
    """The same for two moments."""

    gone: str


class MomentDiffView(Contract):
    """How many offers were added, removed and changed in the market between two moments."""

    from_: TimeText = Field(alias="from")
    to: TimeText | None = Field(description="null: now")
    added: int
    removed: int
    changed: int
    unchanged: int
    gone: int = Field(description="Of the removed, those that a complete file no longer lists")
    links: MomentDiffLinks


class ChangeEffect(Contract):
    """What a rollback or a restore would do to the market, as numbers of listings."""

    added: int = Field(description="Would be added to the market")
    removed: int = Field(description="Would leave the market")
    changed: int = Field(description="Would show an observation with another price or score")
    unchanged: int = Field(description="Would show an observation with equal price and score")
    indistinct: int = Field(description="Not compared: these offers can't be distinguished")
    gone: int = Field(description="Would be gone; of indistinct offers the number in each group")
    back: int = Field(description="Would be offered again")


class ForeseenChange(Contract):
    """The answer to a rollback or a restore with `dry_run`."""

    import_id: str
    kind: Literal["rollback", "restore"]
    dry_run: Literal[True] = True
    effect: ChangeEffect


class CsvText(Contract):
    """A CSV as one text in a JSON object."""

    model_config = ConfigDict(extra="forbid")

    csv: str = Field(description="The text of the file")
    filename: str | None = Field(None, description="Its name")
