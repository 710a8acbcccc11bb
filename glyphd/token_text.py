"""The written form of a token: `glyphd_`, a look-up part, a secret, and a checksum.

`glyphd_k7m2q9xa_` is the part that may be shown. The secret follows, 160 random bits, and then the
checksum, which distinguishes a mistyped or truncated token from an unknown one.
"""

import re
import secrets
import zlib

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's alphabet: no two characters look alike
_LOOKUP_DIGITS = 8
_SECRET_DIGITS = 32
_CHECK_DIGITS = 7
_FORM = re.compile(
    rf"(glyphd_[{_DIGITS}]{{{_LOOKUP_DIGITS}}})_[{_DIGITS}]{{{_SECRET_DIGITS + _CHECK_DIGITS}}}"
)
_LIKE_A_TOKEN = re.compile(rf"(glyphd_[0-9a-z]{{{_LOOKUP_DIGITS}}}_)[0-9a-z]+", re.IGNORECASE)


class MistypedToken(ValueError):
    """The text is not a token: it has another form, or its checksum is wrong."""


def new_token() -> str:
    """A random token."""
    text = f"glyphd_{_random_digits(_LOOKUP_DIGITS)}_{_random_digits(_SECRET_DIGITS)}"
    return text + _check_sum(text)


def lookup_of(token: str) -> str:
    """The look-up part, which may be shown. Raises MistypedToken."""
    found = _FORM.fullmatch(token)
    if found is None:
        raise MistypedToken("it does not have the form of a token")
    if token[-_CHECK_DIGITS:] != _check_sum(token[:-_CHECK_DIGITS]):
        raise MistypedToken("its checksum is wrong")
    return found[1]


def without_tokens(text: str) -> str:
    """The text with every token in it shortened to the part that may be shown."""
    return _LIKE_A_TOKEN.sub(r"\1…", text)


def _random_digits(count: int) -> str:
    return "".join(secrets.choice(_DIGITS) for _ in range(count))


def _check_sum(text: str) -> str:
    number = zlib.crc32(text.encode())
    shifts = range(5 * (_CHECK_DIGITS - 1), -1, -5)
    return "".join(_DIGITS[number >> shift & 31] for shift in shifts)
