"""Text as the archive stores and compares it. Cells, filters, model paths and identities all use
`clean_text`."""

import re
from collections.abc import Sequence
from itertools import chain
from string import ascii_lowercase, ascii_uppercase
from unicodedata import normalize

INVISIBLE = "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
"""Invisible characters, as the inside of a regular expression's set: soft hyphen, zero width
characters, direction marks, byte order mark."""

_WHITE_SPACE = "".join(filter(str.isspace, map(chr, range(0x3001))))
_ASCII_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
_WRAPPED = re.compile(r'="((?:[^"]|"")*)"', re.DOTALL)


def _characters(ranges: str) -> str:
    """Every character of a regular expression's set, which is faster than testing all of
    Unicode."""
    found = re.findall("(.)(?:-(.))?", ranges)
    codes = (range(ord(first), ord(last or first) + 1) for first, last in found)
    return "".join(map(chr, chain.from_iterable(codes)))


_ENDS = _WHITE_SPACE + _characters(INVISIBLE)


def clean_text(text: str) -> str:
    """The text trimmed, with one space for each run of white space inside, in Unicode's NFC.

    The function is idempotent.
    """
    if text.isascii():
        return " ".join(text.split())
    return normalize("NFC", " ".join(text.strip(_ENDS).split()))


def fold_ascii(text: str) -> str:
    """The text with its ASCII letters in lower case: for comparisons that ignore ASCII case."""
    return text.translate(_ASCII_LOWER)


def trimmed(text: str) -> str:
    """The text without white space and invisible characters at its ends."""
    return text.strip() if text.isascii() else text.strip(_ENDS)


def unwrapped(text: str) -> str:
    """A trimmed text without the `="…"` with which Excel keeps text from being read as a number.

    A wrapper inside a wrapper stays, so that unwrapping a text again changes nothing.
    """
    if not text.startswith('="'):
        return text
    found = _WRAPPED.fullmatch(text)
    inner = trimmed(found[1].replace('""', '"')) if found else text
    return text if inner.startswith('="') else inner


def is_blank(texts: Sequence[str]) -> bool:
    """True if none of the texts has a visible character."""
    return not any(map(trimmed, texts))
