"""Checks the heads of requests before waitress parses them: only those that every server
understands in the same way are accepted.

Everything takes linear time. waitress's own regular expressions backtrack on a bad line, or on
blanks before a value: 32 KiB of these would stop the loop for seconds or minutes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from glyphd.request_errors import HttpVersionNotSupported, InvalidHost, InvalidRequest, NotSupported

_START_LINE = re.compile(
    rb"[!#$%&'*+\-.^_`|~0-9A-Z]++ ([\x21\x22\x24-\x7e]++) HTTP/([0-9]\.[0-9])(?=\r\n|\Z)"
)
_FIELD = rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]++):([\t\x20-\x7e\x80-\xff]*+)"
FIELD = re.compile(_FIELD)
_FIELD_LINE = re.compile(rb"\r\n" + _FIELD)
_FIELD_LINES = re.compile(rb"(?:\r\n" + _FIELD + rb")*+(?:\r\n){0,2}")
_VERSIONS = (b"1.0", b"1.1")
_AUTHORITY = re.compile(rb"[a-zA-Z][a-zA-Z0-9+.-]*://([^/?]*)")
# The rest of such a path is a name, which can contain slashes.
_NAMES_BEGIN = (b"/api/models/", b"/models/")


@dataclass(frozen=True)
class Head:
    """A request's first line and headers: all values of a name, which is in lower case, without
    space around them.

    `plain` is its text without the blanks on which waitress is slow.
    """

    target: bytes
    version: bytes
    fields: Mapping[bytes, list[bytes]]
    plain: bytes

    def values(self, name: bytes) -> list[bytes]:
        return self.fields.get(name, [])


def read_head(text: bytes) -> Head:
    """Raises InvalidRequest for an invalid head, HttpVersionNotSupported for one of another
    version."""
    start = _START_LINE.match(text)
    if start is None:
        raise InvalidRequest("the request line is not a method, a target and an HTTP version")
    if start[2] not in _VERSIONS:
        raise HttpVersionNotSupported("this server supports HTTP/1.1 and HTTP/1.0")
    if not _FIELD_LINES.fullmatch(text, start.end()):
        raise InvalidRequest("a header is not a name, a colon and a value on one line")
    lines = [
        (name.lower(), value.strip(b" \t"))
        for name, value in _FIELD_LINE.findall(text, start.end())
    ]
    fields: dict[bytes, list[bytes]] = {}
    for name, value in lines:
        fields.setdefault(name, []).append(value)
    plain = text
    if b"  " in text or b"\t" in text:
        written = [start[0], *(b"%b:%b" % line for line in lines)]
        plain = b"".join(b"%b\r\n" % line for line in written)
    return Head(start[1], start[2], fields, plain)


def require_one_meaning(head: Head) -> None:
    """Raises InvalidRequest, InvalidHost or NotSupported if two servers could understand it
    differently."""
    authority = _AUTHORITY.match(head.target)
    _require_plain_path(head.target[authority.end() if authority else 0 :])
    hosts = head.values(b"host")
    if len(hosts) > 1 or (not hosts and head.version == b"1.1"):
        raise InvalidHost(f"a request must have one Host header, this one has {len(hosts)}")
    if authority and hosts and authority[1].lower() != hosts[0].lower():
        raise InvalidHost("the Host header is not the host of the request line")
    codings = head.values(b"transfer-encoding")
    if codings:
        _require_chunked(codings, head)


def closes(head: Head) -> bool:
    """Whether the client says that this is its last request on the connection."""
    values = b",".join(head.values(b"connection")).lower().split(b",")
    return b"close" in [value.strip(b" \t") for value in values]


def _require_plain_path(target: bytes) -> None:
    path = target.partition(b"?")[0]
    if path.startswith(b"//"):
        raise InvalidRequest("the path begins with two slashes")
    if b"%2f" in path.lower() and not path.startswith(_NAMES_BEGIN):
        raise InvalidRequest(
            "a slash in the path is encoded: only the name of a model may have one"
        )


def _require_chunked(codings: list[bytes], head: Head) -> None:
    """Exactly one coding: a server that ignores an empty or repeated one would see a different end
    of the request."""
    if head.version != b"1.1" or head.values(b"content-length"):
        raise InvalidRequest(
            "the length of the body is given in two ways, or in one that this HTTP version does "
            "not have"
        )
    named = [coding.strip(b" \t").lower() for coding in b",".join(codings).split(b",")]
    if any(coding not in (b"", b"chunked") for coding in named):
        raise NotSupported("a body must have a Content-Length or be chunked")
    if named != [b"chunked"]:
        raise InvalidRequest("Transfer-Encoding must be chunked, once")
