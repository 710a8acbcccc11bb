"""Which character encodings a CSV may have."""

import codecs

from glyphd.request_errors import InvalidParameter

DEFAULT_ENCODING = "utf-8"
UTF8_BOM = codecs.BOM_UTF8
_PROBE = '\r\n,;|\t"aZ09'
_UNSUITABLE = frozenset(
    {"utf-7", "idna", "punycode", "raw-unicode-escape", "unicode-escape", "palmos", "hz"}
)
_STATEFUL = "iso2022"


def canonical_encoding(name: str | None) -> str:
    """Python's name for the encoding; UTF-8 if none is given. Raises InvalidParameter.

    A file is split into bytes before it is decoded, so an encoding is supported only if line ends,
    delimiters and quotes are always the same bytes as in ASCII. This excludes UTF-16, and encodings
    that switch between character sets.
    """
    if name is None:
        return DEFAULT_ENCODING
    try:
        codec = codecs.lookup(name)
        canonical = DEFAULT_ENCODING if codec.name == "utf-8-sig" else codec.name
        suits = canonical not in _UNSUITABLE and not canonical.startswith(_STATEFUL)
        fits = suits and _PROBE.encode(canonical) == _PROBE.encode("ascii")
    except (LookupError, UnicodeError, ValueError):
        fits = False
    if not fits:
        raise InvalidParameter(
            f"encoding={name!r}: not an encoding that glyphd can read; "
            "send UTF-8, or name one that extends ASCII such as cp1252 or latin-1",
            parameter="encoding",
            value=name,
        )
    return canonical
