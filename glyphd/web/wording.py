"""Formats values for pages: numbers, times, and arbitrary text."""

import json
import re
from datetime import timedelta
from typing import Any

from markupsafe import Markup, escape

from glyphd.contracts.cells import TimeCell
from glyphd.contracts.columns import COLUMN
from glyphd.contracts.numeric_cells import NumericCell
from glyphd.plurals import noun_for
from glyphd.times import read_stored

LONGEST_SHOWN = 120
LONGEST_WORD = 24
MOST_IN_TOOLTIP = 500
_UNITS = ("kB", "MB", "GB", "TB")
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]"
)
_PICTURES = {code: chr(0x2400 + code) for code in range(0x20)} | {0x7F: "\u2421"}

LABELS = {name: column.label for name, column in COLUMN.items()} | {
    "listing_id": "Listing",
    "import_id": "Import",
    "import_index": "Record",
    "line": "Line",
    "first_seen_at": "First seen",
    "imported_at": "Imported",
    "rolled_back_at": "Rolled back",
    "schema_version": "Row contract",
    "source": "Source",
    "gone_at": "Missing on",
}
"""The names of a row's columns on a page."""

MONEY = frozenset({"price_usd", "min_price", "p25_price", "median_price", "p75_price", "max_price"})
MOMENTS = frozenset(
    {"first_seen_at", "imported_at", "rolled_back_at", "gone_at", "last_seen_at"}
) | {name for name, column in COLUMN.items() if isinstance(column.cell, TimeCell)}
NUMERIC = (MONEY | MOMENTS | {"import_index", "line", "schema_version"}).union(
    name for name, column in COLUMN.items() if isinstance(column.cell, NumericCell)
)
"""Right-aligned columns."""


def is_numeric_column(column: str) -> bool:
    return column in NUMERIC


def label(column: str) -> str:
    return LABELS.get(column, column)


def visible(value: Any) -> Any:
    """Escapes text for templates: control characters and direction marks are shown as symbols."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return _HIDDEN.sub(_sign, value)
    return value


def clipped(text: Any) -> str:
    """The beginning of a long text."""
    text = str(text)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


def money(amount: float) -> str:
    """US dollars; with cents if there are any."""
    if abs(amount) >= 1e15:
        return f"${amount:.6g}"
    whole = f"{abs(amount):,.2f}".removesuffix(".00")
    return f"−${whole}" if amount < 0 else f"${whole}"


def number(amount: float) -> str:
    """A count, or a score with at most four decimals."""
    if isinstance(amount, int):
        return f"{amount:,}"
    if amount and not 1e-4 <= abs(amount) < 1e15:
        return f"{amount:.6g}"
    return f"{amount:,.4f}".rstrip("0").rstrip(".")


def counted(count: int, noun: str) -> str:
    """A count with its noun, and with commas between thousands."""
    return f"{count:,} {noun_for(count, noun)}"


def signed(amount: float, written: str) -> str:
    """A change, with its sign."""
    return f"+{written}" if amount > 0 else written.replace("-", "−")


def money_change(amount: float) -> str:
    return signed(amount, money(amount))


def number_change(amount: float) -> str:
    return signed(amount, number(amount))


def percent_change(amount: float) -> str:
    """With one decimal; a smaller change with its first digit."""
    is_usual = 0.05 <= abs(amount) < 1e15 or not amount
    return signed(amount, f"{amount:,.1f} %" if is_usual else f"{amount:.1g} %")


def size(count: int) -> str:
    """A size in bytes in readable form."""
    if count < 1000:
        return f"{count} bytes"
    exponent = min((len(str(count)) - 1) // 3, 4)
    return f"{count / 1000**exponent:.3g} {_UNITS[exponent - 1]}"


def day_and_time(text: str) -> str:
    """Stored time text to the minute, in UTC, as the footer of every page says."""
    return f"{text[:10]} {text[11:16]}"


def exact_time(text: str) -> str:
    """Stored time text with full precision, for the moment on which everything on the page
    depends."""
    seconds, _, fraction = text[17:].rstrip("Z").partition(".")
    fraction = fraction.rstrip("0")
    if fraction:
        return f"{day_and_time(text)}:{seconds}.{fraction}"
    return day_and_time(text) + ("" if seconds == "00" else f":{seconds}")


def moment(text: str) -> Markup:
    """A time that scripts can read; they add a tooltip."""
    return Markup(f'<time datetime="{escape(text)}">{escape(day_and_time(text))}</time>')


def picker_value(text: str | None) -> str:
    """A time for a date-time field: to the second, rounded up."""
    if text is None:
        return ""
    begun = read_stored(text)
    shown = begun.replace(microsecond=0)
    return (shown if shown == begun else shown + timedelta(seconds=1)).isoformat()[:19]


_UNKNOWN = Markup('<span class="none" title="not known">–</span>')


def cell_opening(column: str) -> Markup:
    """The start tag of a column's cells: formatted once for a table, which has hundreds."""
    alignment = ' class="n"' if is_numeric_column(column) else ""
    return Markup(f'<td data-label="{escape(label(column))}"{alignment}>')


def cell(value: Any, column: str) -> Markup:
    """The value of a result column for a table."""
    if value is None:
        return _UNKNOWN
    if column in MOMENTS:
        return moment(value)
    if isinstance(value, bool):
        return Markup("yes" if value else "no")
    if isinstance(value, int | float):
        return _exact(value, money(value) if column in MONEY else number(value))
    return text(json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value)


def text(value: Any) -> Markup:
    """Text of unknown direction and length. Only very long words can be broken anywhere."""
    shown = clipped(value)
    has_long_word = len(shown) > LONGEST_WORD and any(
        len(word) > LONGEST_WORD for word in shown.split()
    )
    kind = ' class="long"' if has_long_word else ""
    in_full = (
        f' title="{escape(visible(str(value)[:MOST_IN_TOOLTIP]))}"' if shown != str(value) else ""
    )
    return Markup(f"<bdi{kind}{in_full}>{escape(visible(shown))}</bdi>")


def sentence(words: Any) -> Markup:
    """A message as a complete sentence; it may quote a file or an address."""
    shown = visible(str(words))
    first = shown.partition(" ")[0]
    shown = shown[:1].upper() + shown[1:] if first.isalpha() and first.islower() else shown
    end = "" if shown.endswith((".", "…", "?", "!")) else "."
    return Markup(f'<bdi class="long">{escape(shown + end)}</bdi>')


def _exact(value: float, shown: str) -> Markup:
    """A number; if it is abbreviated, the tooltip has all its digits."""
    exact = repr(value)
    if exact.removesuffix(".0") == shown.replace(",", "").removeprefix("$"):
        return escape(shown)
    return Markup(f'<span title="{escape(exact)}">{escape(shown)}</span>')


def _sign(found: re.Match[str]) -> str:
    code = ord(found[0])
    return _PICTURES.get(code) or f"⟨U+{code:04X}⟩"


def marked(text: str) -> Markup:
    """A sentence of the API's description as HTML, with the text between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


FILTERS = {
    "marked": marked,
    "label": label,
    "money": money,
    "number": number,
    "money_change": money_change,
    "number_change": number_change,
    "percent_change": percent_change,
    "moment": moment,
    "day_and_time": day_and_time,
    "exact_time": exact_time,
    "counted": counted,
    "cell": cell,
    "text": text,
    "clipped": clipped,
    "size": size,
    "sentence": sentence,
}
