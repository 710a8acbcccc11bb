"""The columns of a kept file: how each one is read, and what was chosen for it instead."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from glyphd.contracts.column_names import HeaderMap, fold, name_key
from glyphd.contracts.columns import INPUT_COLUMNS, OWN_COLUMNS
from glyphd.db.registry_models import Job
from glyphd.errors import SourceMissing, UnreadableFile
from glyphd.importing.csv_rows import CsvRows
from glyphd.importing.job_options import NDJSON
from glyphd.importing.layouts import layout_of
from glyphd.importing.reading import read_kept
from glyphd.services import Services
from glyphd.web.addresses import Pairs

CHOICES = INPUT_COLUMNS
"""What a column can become."""
MOST_COLUMNS = 50
"""The most columns shown: each has a list of all choices, and a page must stay small."""
_ROWS_LOOKED_AT = 20
FIELD = "column-"
"""A field of the form is named by this prefix and the column's position in the file."""
LEFT_OUT = "-"
"""The choice of a column that is left out; an empty choice leaves it as it was found."""


@dataclass(frozen=True)
class ShownColumn:
    """A column in the table. `target` is the canonical column as which it is read, otherwise `fate`
    says what happens to it."""

    field: str
    name: str
    example: str
    target: str | None
    fate: str
    choice: str
    can_change: bool


@dataclass(frozen=True)
class KeptHeader:
    """The header of a kept file, its first row, and the choices with which it was read."""

    header: HeaderMap
    first: Sequence[str]
    chosen: Mapping[str, str | None]


def kept_header(services: Services, job: Job) -> KeptHeader | None:
    """None for a file that has no header or can't be read."""
    if job.content_type == NDJSON:
        return None
    try:
        with read_kept(services.uploads, job, settings=services.settings) as kept:
            rows = kept.rows
            assert isinstance(rows, CsvRows)
            return KeptHeader(rows.header, _first_cells(rows), layout_of(job).column_map)
    except (SourceMissing, UnreadableFile):
        return None


def shown_columns(kept: KeptHeader, given: Mapping[str, str]) -> list[ShownColumn]:
    """The table. `given` are the choices of a form that was sent and refused."""
    targets = {at: name for name, at in kept.header.positions.items()}
    chosen = {
        name_key(name): LEFT_OUT if target is None else target
        for name, target in kept.chosen.items()
    }
    return [
        _shown(kept, at, targets.get(at), given, chosen) for at in range(len(kept.header.names))
    ][:MOST_COLUMNS]


def chosen_columns(kept: KeptHeader, pairs: Pairs) -> list[str] | None:
    """The `map` option from the fields of the form; None if the form has no such fields."""
    fields = {name: value for name, value in pairs if name.startswith(FIELD)}
    if not fields:
        return None
    names = kept.header.names
    found = [
        _choice(names[int(at)], fields[FIELD + at])
        for at in _places(fields, len(names))
        if fields[FIELD + at]
    ]
    return [*found, *(value for name, value in pairs if name == "map")]


def beyond_table(kept: KeptHeader) -> list[str]:
    """Choices for columns that do not fit into the table: they are sent unchanged."""
    late = {name_key(name) for name in kept.header.names[MOST_COLUMNS:]}
    return [
        f"{target or ''}:{name}" for name, target in kept.chosen.items() if name_key(name) in late
    ]


def _first_cells(rows: CsvRows) -> Sequence[str]:
    """The cells of the first row, among the first few, that can be parsed."""
    try:
        return next(
            (row.cells for row in islice(rows, _ROWS_LOOKED_AT) if row.cells is not None), []
        )
    except UnreadableFile:
        return []


def _places(fields: Mapping[str, str], count: int) -> list[str]:
    places = [name.removeprefix(FIELD) for name in fields]
    return [
        at for at in places if at.isascii() and at.isdecimal() and len(at) < 6 and int(at) < count
    ]


def _choice(name: str, value: str) -> str:
    return f":{name}" if value == LEFT_OUT else f"{value}:{name}"


def _shown(
    kept: KeptHeader,
    at: int,
    target: str | None,
    given: Mapping[str, str],
    chosen: Mapping[str, str],
) -> ShownColumn:
    name = kept.header.names[at]
    has_name = bool(fold(name))
    return ShownColumn(
        field=f"{FIELD}{at}",
        name=name,
        example=kept.first[at] if at < len(kept.first) else "",
        target=target,
        fate="" if target else _fate(kept, at),
        choice=given.get(f"{FIELD}{at}", chosen.get(name_key(name), "") if has_name else ""),
        can_change=has_name,
    )


def _fate(kept: KeptHeader, at: int) -> str:
    name = kept.header.names[at]
    if not fold(name):
        return "left out: it has no name"
    if kept.chosen.get(name, "") is None:
        return "left out"
    if name.startswith("_"):
        return "left out: its name begins with _"
    if fold(name) in map(fold, OWN_COLUMNS):
        return "left out: glyphd sets this column itself"
    if at in kept.header.unknown:
        return "stored with the row, under its own name"
    return "left out: another column is used"
