"""The layout of a CSV, from the import's options and the door, stored with the import for later
readers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from glyphd.contracts.columns import FIRST_VERSION, ROW_SCHEMA_VERSION
from glyphd.db.registry_models import Job
from glyphd.importing.encodings import DEFAULT_ENCODING

DELIMITERS = {",": ",", ";": ";", "tab": "\t", "|": "|"}
"""The delimiters by their names in the `delimiter` option."""

COMMA = "comma"
"""The value of the `decimal` option for numbers such as `1.299,50`."""


@dataclass(frozen=True)
class Layout:
    """`skip_lines` is the number of lines before the header; `column_map` maps some of the file's
    columns to a canonical one, or to None to leave them out; `schema_version` is the row contract
    by which it is read.
    """

    delimiter: str = ","
    encoding: str = DEFAULT_ENCODING
    skip_lines: int = 0
    column_map: Mapping[str, str | None] = field(default_factory=dict)
    has_decimal_comma: bool = False
    schema_version: int = ROW_SCHEMA_VERSION


def layout_of(job: Job) -> Layout:
    """The layout of an import's file."""
    version = job.schema_version or 0
    return Layout(
        delimiter=job.delimiter or ",",
        encoding=job.encoding or DEFAULT_ENCODING,
        skip_lines=job.skip_lines or 0,
        column_map=chosen_columns(json.loads(job.column_map or "[]")),
        has_decimal_comma=job.decimal == COMMA,
        schema_version=version if version >= FIRST_VERSION else ROW_SCHEMA_VERSION,
    )


def chosen_columns(pairs: Sequence[str]) -> dict[str, str | None]:
    """The mapping in the `map` option: the file's column names, each with its canonical column."""
    parts = (pair.split(":", 1) for pair in pairs)
    return {name: target or None for target, name in parts}
