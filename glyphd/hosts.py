"""Hosts as written in HTTP: a name or an address, and optionally a port."""

import re
import socket
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address

_HOST = re.compile(
    r"(?:\[(?P<address>[^\[\]]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]{0,5}))?"
)
_LONGEST_NAME = 253
_LONGEST_LABEL = 63
_HIGHEST_PORT = 65535


@dataclass(frozen=True)
class Host:
    """A host in its normalized form: lower case, no dot at the end, an address in its usual form
    without brackets."""

    name: str
    port: int | None = None
    is_address: bool = False


@lru_cache(maxsize=256)  # nearly every request has the same host
def parse_host(text: str) -> Host:
    """The host in a `Host` header or in an origin. Raises ValueError if it is not exactly one
    host."""
    found = _HOST.fullmatch(text)
    if found is None or int(found["port"] or 0) > _HIGHEST_PORT:
        raise ValueError(f"{text!r} is not a host")
    port = int(found["port"]) if found["port"] else None
    if found["address"] is not None:
        return Host(str(IPv6Address(found["address"])), port, is_address=True)
    name = found["name"].lower().removesuffix(".")
    # As the C library reads an address, including forms such as `127.1`. No name looks like that.
    with suppress(OSError):
        return Host(socket.inet_ntoa(socket.inet_aton(name)), port, is_address=True)
    if len(name) > _LONGEST_NAME or not all(
        0 < len(label) <= _LONGEST_LABEL for label in name.split(".")
    ):
        raise ValueError(f"{name!r} is not a host name")
    return Host(name, port)
