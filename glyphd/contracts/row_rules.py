"""Rules of the row contract that concern more than one kind of cell. Each is one function on the
texts of a row."""

import re
from collections.abc import Sequence
from typing import Any

from glyphd.contracts.cells import Cell

_DOLLARS = frozenset({"", "USD", "US$", "$"})
_NO_WORDS = re.compile(
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|inf(?:inity)?|nan)",
    re.ASCII | re.IGNORECASE,
)
_SIGN_OR_RANGE = re.compile(r"[+<>~]|\d\s*[-\u2010-\u2015]\s*\d")
LONGEST_MARKER = 5

MAX_EXTRA_BYTES = 65_536

UNSUPPORTED_CURRENCY = ("unsupported_currency", "is not US dollars")
INCOMPLETE_CAPACITIES = (
    "incomplete_capacities",
    "needs all three quantization capacities, or none",
)
EXTRA_TOO_LARGE = ("extra_too_large", f"the unknown columns have more than {MAX_EXTRA_BYTES} bytes")
IN_THE_FUTURE = ("in_the_future", "is more than 24 hours in the future")


def is_words(quantity: str) -> bool:
    """True for a quantity in words: without a digit (`Available`), or with more than a number
    (`1+`, `5 left`, `5-10`).

    A number in a form that is not allowed for a quantity, such as `1e3` or `inf`, does not count as
    words.
    """
    if not quantity or _NO_WORDS.fullmatch(quantity):
        return False
    has_words = any(map(str.isalpha, quantity)) or not any(map(str.isdigit, quantity))
    return has_words or _SIGN_OR_RANGE.search(quantity) is not None


def is_dollars(currency: str) -> bool:
    """True if the currency is the US dollar or missing."""
    return currency.upper() in _DOLLARS


def has_some_capacities(capacities: Sequence[Any]) -> bool:
    """True if some of the three capacities are given and some are missing."""
    return 0 < list(capacities).count(None) < len(capacities)


def markers_of(cell: Cell, name: str) -> frozenset[str]:
    """The null markers of a column: required numbers have none, so that `nan` stays an error."""
    return frozenset() if cell.required and name != "model" else cell.null_markers
