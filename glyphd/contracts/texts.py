"""Text as it is stored and compared: one form for cells, filters, model paths and identities."""

import re
import unicodedata
from string import ascii_lowercase, ascii_uppercase

_INVISIBLE = "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
_AT_ENDS = re.compile(rf"\A[\s{_INVISIBLE}]+|[\s{_INVISIBLE}]+\Z")
_WHITE_SPACE = re.compile(r"\s+")
_ASCII_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)


def clean_text(text: str) -> str:
    """The text in NFC, without white space and invisible characters at its ends; runs of white space inside it become
    one space."""
    return _WHITE_SPACE.sub(" ", unicodedata.normalize("NFC", _AT_ENDS.sub("", text)))


def fold_ascii(text: str) -> str:
    """The text with its ASCII letters in lower case: equal for texts that are compared without regard to case."""
    return text.translate(_ASCII_LOWER)
