"""Settings that are lists, separated by commas: host names, and networks."""

from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_network

from glyphd.hosts import parse_host

ANY_HOST = "*"

Network = IPv4Network | IPv6Network


def read_hosts(text: str | None) -> frozenset[str]:
    """The names as normalized by `parse_host`; ANY_HOST is unchanged. Raises ValueError for an
    entry that is not just a host."""
    return frozenset(entry if entry == ANY_HOST else _read_host(entry) for entry in _entries(text))


def read_networks(text: str | None) -> tuple[Network, ...]:
    """Raises ValueError for an entry that is neither an address nor a network."""
    return tuple(ip_network(entry) for entry in _entries(text))


def _read_host(entry: str) -> str:
    with suppress(ValueError):
        host = parse_host(entry)
        if host.port is None:
            return host.name
    raise ValueError(f"{entry} is not a host name; write it without scheme, port and path")


def _entries(text: str | None) -> Iterator[str]:
    return filter(None, map(str.strip, (text or "").split(",")))
