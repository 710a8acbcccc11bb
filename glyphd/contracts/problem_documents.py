"""The contract of an error: a problem document as RFC 9457 has it, with all members that one may
have."""

from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict, Field

from glyphd.contracts.contract_base import Contract
from glyphd.contracts.import_contracts import ImportView
from glyphd.contracts.row_errors import RowError
from glyphd.contracts.service_views import IntegrityView


@dataclass(frozen=True, slots=True)
class RefusedRow(RowError):
    """A row error as an answer has it; `index` is the row's place in an array of rows sent as
    JSON."""

    index: int = 0


class InvalidMember(Contract):
    """One thing wrong with a JSON body that is no row."""

    field: str = Field(description="The member, such as `kinds.0`")
    message: str


class ProblemDocument(Contract):
    """What is wrong, as RFC 9457 has it; which members follow after `code` depends on that."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="`urn:glyphd:problem:` and the code")
    title: str = Field(description="The kind of problem, for people")
    status: int = Field(description="The status of the answer")
    detail: str = Field(description="What is wrong here, for people")
    code: str = Field(description="The kind of problem, for programs; it never changes")
    parameter: str = Field(default_factory=str, description="The parameter that is wrong")
    value: str = Field(default_factory=str, description="Its value, up to 200 characters")
    allowed: list[str] = Field(
        default_factory=list, description="The values that a parameter may have"
    )
    known: list[str] = Field(default_factory=list, description="All existing parameters")
    nearest: Any = Field(None, description="What was probably meant")
    limit: int = Field(default_factory=int, description="The largest size that is accepted")
    size: int = Field(default_factory=int, description="How many bytes the whole answer has")
    needed: str = Field(default_factory=str, description="The scope that is needed")
    scope: str = Field(default_factory=str, description="The scope that the token has")
    source: str = Field(default_factory=str, description="The only source that the token is for")
    extra: str = Field(default_factory=str, description="What is not installed")
    offered: list[str] = Field(default_factory=list, description="The available media types")
    found: Any = Field(None, description="What a refused file has")
    delimiter: str = Field(default_factory=str, description="How its cells are separated")
    missing: list[str] = Field(default_factory=list, description="What a refused file lacks")
    unknown: list[str] = Field(default_factory=list, description="Unknown members of a JSON body")
    differs: list[str] = Field(
        default_factory=list, description="Options that differ from those of the first use"
    )
    host: str = Field(default_factory=str, description="The host that is not served")
    import_id: str = Field(default_factory=str, description="The import that this is about")
    import_status: str = Field(default_factory=str, description="Its status")
    listing_id: str = Field(default_factory=str, description="The listing that this is about")
    row: int = Field(default_factory=int, description="The record's number in the file")
    line: int = Field(default_factory=int, description="The line in the file")
    error_count: int = Field(default_factory=int, description="How many row errors there are")
    errors_truncated: bool = Field(
        default_factory=bool, description="Whether there are more than are listed"
    )
    errors: list[RefusedRow | InvalidMember] = Field(
        default_factory=list, description="Row errors, or what is wrong with each member of a body"
    )
    import_: ImportView | None = Field(
        None, alias="import", description="The status of the import that failed"
    )
    checks: dict[str, str] = Field(
        default_factory=dict, description="Each check by its name: `ok`, or what is wrong"
    )
    integrity: IntegrityView | None = Field(
        None, description="The result of the last check for damage"
    )
