"""Generated rows: as values, as CSV or JSON, and as the service must return them."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

from hypothesis import strategies as st

from glyphd.contracts.cells import TEXT_NULL_MARKERS
from glyphd.contracts.columns import CAPACITIES, COLUMN_NAMES
from glyphd.contracts.texts import clean_text, trimmed
from glyphd.times import utc_text

GivenRow = dict[str, Any]
"""A valid row by column name; columns without a value are missing."""

CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
TEXTS = (
    st.text(CHARACTERS, max_size=30)
    | st.text(alphabet=" \t\r\n\",;|\\'a\u2028\u200be\u0301=", max_size=12)
).filter(
    lambda text: clean_text(text).lower() not in TEXT_NULL_MARKERS
    and not trimmed(text).startswith('="')
)
FILLED = TEXTS.filter(lambda text: trimmed(text) != "")
COUNTS = st.integers(0, 2**63 - 1)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
RATIOS = st.floats(0, exclude_min=True, allow_infinity=False)
ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(
    min_value=datetime(2, 1, 1),  # noqa: DTZ001  # hypothesis adds the zone
    max_value=datetime(2025, 12, 31),  # noqa: DTZ001
    timezones=ZONES,
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | FINITE | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
_TEXT_COLUMNS = (
    "condition",
    "availability",
    "seller",
    "region",
    "generation",
    "form_factor",
    "source_url",
    "source_type",
)
_OPTIONAL: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys((*_TEXT_COLUMNS, "title"), TEXTS),
    **dict.fromkeys(("quantity", "vram_gb", "tdp_watts", "cuda_cores"), COUNTS),
    **dict.fromkeys(("slot_width", "pcie_generation"), RATIOS),
    "min_order_qty": COUNTS,
    "mig_capable": st.integers(0, 7),
    "nvlink": st.booleans(),
    "heuristics": JSON_VALUES,
}


@st.composite
def given_rows(draw: st.DrawFn) -> GivenRow:
    """Any row that the contract accepts, always with a time."""
    required = {
        "model": FILLED,
        "price_usd": st.just(-0.0) | st.floats(0, allow_infinity=False),
        "score": FINITE,
        "seen_at": TIMES,
    }
    row: GivenRow = draw(st.fixed_dictionaries(required, optional=_OPTIONAL))
    if draw(st.booleans()):
        row |= {name: draw(COUNTS) for name in CAPACITIES}
    return row


@dataclass(frozen=True)
class Dialect:
    """The format of a CSV."""

    delimiter: str
    line_end: str
    quote_all: bool
    columns: Sequence[str]
    bom: bool


@st.composite
def dialects(draw: st.DrawFn) -> Dialect:
    """Any format of a CSV that the service reads without options.

    If lines end in LF, everything is quoted, because Python's writer would not quote a bare
    carriage return.
    """
    line_end = draw(st.sampled_from(["\n", "\r\n"]))
    quote_all = line_end == "\n" or draw(st.booleans())
    columns = draw(st.permutations(COLUMN_NAMES))
    return Dialect(
        draw(st.sampled_from(",;\t|")), line_end, quote_all, columns, draw(st.booleans())
    )


@dataclass(frozen=True)
class WrittenCsv:
    """A CSV, and the physical line on which each of its rows starts."""

    data: bytes
    lines: list[int]


def as_csv(rows: Sequence[GivenRow], dialect: Dialect) -> WrittenCsv:
    text = io.StringIO()
    quoting: Literal[0, 1] = csv.QUOTE_ALL if dialect.quote_all else csv.QUOTE_MINIMAL
    writer = csv.writer(
        text, delimiter=dialect.delimiter, lineterminator=dialect.line_end, quoting=quoting
    )
    writer.writerow(dialect.columns)
    lines = []
    for row in rows:
        lines.append(text.getvalue().count("\n") + 1)
        writer.writerow([_cell(name, row.get(name)) for name in dialect.columns])
    return WrittenCsv(text.getvalue().encode("utf-8-sig" if dialect.bom else "utf-8"), lines)


def as_json(rows: Sequence[GivenRow]) -> bytes:
    return json.dumps(rows, default=datetime.isoformat).encode()


def as_returned(row: GivenRow) -> dict[str, Any]:
    """The row as the service must return it: texts trimmed, times in UTC, zeros without a sign, and
    all columns present."""
    return {name: _returned(name, row.get(name)) for name in COLUMN_NAMES}


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name == "heuristics":
        return json.dumps(value, ensure_ascii=False)
    return value.isoformat(" ") if isinstance(value, datetime) else str(value)


def _returned(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, str) and name != "heuristics":
        return (trimmed(value) if name == "source_url" else clean_text(value)) or None
    if isinstance(value, float) and name != "heuristics":
        return value + 0.0
    return value
