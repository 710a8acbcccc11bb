"""The options of an import."""

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from glyphd.contracts.cells import BooleanCell
from glyphd.contracts.column_names import canonical_name, name_key, nearest
from glyphd.contracts.columns import INPUT_COLUMNS
from glyphd.contracts.contract_base import NO_NUL, Contract
from glyphd.contracts.numeric_cells import IntegerCell

Delimiter = Literal[",", ";", "tab", "|"]
Label = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=NO_NUL)]
Description = Annotated[str, StringConstraints(max_length=2000, pattern=NO_NUL)]

MAX_SKIP_LINES = 100
_COLUMN_CHOICE = re.compile(r"([^:]*):(.*\S.*)", re.DOTALL)


def _column_choice(text: str) -> str:
    """`price_usd:Retail Price`, with the canonical name of the column; without one the column is
    left out."""
    found = _COLUMN_CHOICE.fullmatch(text)
    if found is None:
        raise ValueError("must be <column>:<name in the file>, such as price_usd:Retail Price")
    target, name = found[1].strip(), found[2].strip()
    column = canonical_name(target, INPUT_COLUMNS) if target else ""
    if column is None:
        near = nearest(target, INPUT_COLUMNS)
        raise ValueError(
            f"there is no column {target[:100]!r}" + (f"; did you mean {near}?" if near else "")
        )
    return f"{column}:{name}"


def _delimiter_name(value: Any) -> Any:
    return "tab" if value == "\t" else value


def _each_once(pairs: list[str]) -> list[str]:
    """Two of the file's columns can't be mapped to the same canonical column, nor one column to
    two."""
    targets = [pair.split(":", 1)[0] for pair in pairs if not pair.startswith(":")]
    names = [name_key(pair.split(":", 1)[1]) for pair in pairs]
    if len(set(targets)) < len(targets) or len(set(names)) < len(names):
        raise ValueError("must name each column once")
    return pairs


ColumnChoices = Annotated[
    list[
        Annotated[
            str,
            StringConstraints(max_length=1000, pattern=NO_NUL),
            AfterValidator(_column_choice),
        ]
    ],
    AfterValidator(_each_once),
    Field(default_factory=list),
]


Complete = Annotated[
    bool,
    BooleanCell(required=True),
    Field(
        description="The file lists everything that its source offers at its newest seen_at: what "
        "it does not list is gone"
    ),
]
AllowShrink = Annotated[
    bool,
    BooleanCell(required=True),
    Field(
        description="A complete file may have less than half of the rows of the source's last "
        "import"
    ),
]


class ImportOptions(Contract):
    """The options of an import, as query parameters or form fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Label | None = Field(
        None, description="Where the file comes from; stored with the import"
    )
    description: Description | None = Field(None, description="Free text; stored with the import")
    delimiter: Annotated[Delimiter | None, BeforeValidator(_delimiter_name)] = Field(
        None, description="Cell delimiter; default: detected from the header"
    )
    encoding: str | None = Field(
        None, description="Character encoding; default UTF-8, with or without BOM"
    )
    map: ColumnChoices = Field(
        description="<column>:<name in the file>, repeatable: reads this column of the file as "
        "that one; :<name> leaves a column out"
    )
    skip_lines: Annotated[int | None, IntegerCell(maximum=MAX_SKIP_LINES)] = Field(
        None, description="Lines before the header, at most 100"
    )
    decimal: Literal["point", "comma"] | None = Field(
        None,
        description="How numbers are written: 1299.50 (point, the default) or 1.299,50 (comma)",
    )
    on_error: Literal["abort", "skip"] = Field(
        "abort",
        description="Whether a bad row fails the whole import (abort, the default) or is left out",
    )
    dry_run: Annotated[bool, BooleanCell(required=True)] = Field(
        False, description="Validate everything, write nothing"
    )
    complete: Complete = False
    allow_shrink: AllowShrink = False
