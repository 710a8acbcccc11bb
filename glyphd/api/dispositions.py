"""What the headers of a body, or of a part of a form, say about a file: its name, its charset, how
it is encoded."""

import re
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from multipart import parse_options_header

from glyphd.importing.encodings import canonical_encoding
from glyphd.request_errors import InvalidParameter, UnsupportedType

_PARAMETER = re.compile(r';\s*([^\s;="]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;]*)')
_EXTENDED = re.compile(r"(utf-8|iso-8859-1)'[^']*'(.*)", re.IGNORECASE | re.DOTALL)


def filename_of(disposition: str) -> str | None:
    """The file's name in a Content-Disposition; `filename*` (RFC 8187) precedes `filename`."""
    _, options = parse_options_header(disposition)
    extended = {name.lower(): value.strip('"') for name, value in _PARAMETER.findall(disposition)}
    found = _EXTENDED.fullmatch(extended.get("filename*", ""))
    if found:
        try:
            return unquote_to_bytes(found[2]).decode(found[1]) or None
        except UnicodeDecodeError:
            pass  # the plain name is a fallback
    name: str | None = options.get("filename")
    return name


def charset_of(options: Mapping[str, str]) -> str | None:
    """The charset of a Content-Type, as Python names it. Raises UnsupportedType for an unsupported
    one."""
    name = options.get("charset")
    if not name:
        return None
    try:
        return canonical_encoding(name)
    except InvalidParameter:
        what = f"the charset {name[:100]!r} is not supported"
        raise UnsupportedType(
            f"{what}: send UTF-8, or one that extends ASCII such as windows-1252"
        ) from None
