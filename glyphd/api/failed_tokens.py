"""Counts the wrong tokens that recently came from each address, over all processes of the service.
Bounded: the oldest addresses are forgotten."""

import time
from enum import IntEnum
from hashlib import blake2b
from ipaddress import IPv6Address, ip_address, ip_network

from glyphd.siblings.family import Siblings, alone
from glyphd.siblings.shared_memory import FAILURE_CELLS, FAILURE_ROWS

MOST_FAILURES = 20
WINDOW_SECONDS = 60
_NANOSECONDS = 10**9
_NETWORK_BITS = 64  # one household or server usually has a whole network of this size
_ROWS_OF_AN_ADDRESS = 16


class _Of(IntEnum):
    """The cells of a row; all zero if it has no address."""

    ADDRESS = 0
    BEGAN = 1
    COUNT = 2


class FailedAttempts:
    """Counts by address for a minute from the first failure; an IPv6 network counts as one
    address."""

    def __init__(self, siblings: Siblings | None = None) -> None:
        self._siblings = siblings or alone()

    def add(self, address: str) -> int:
        """Counts one more failure; returns the new count."""
        key = _key_of(_network_of(address))
        now = time.monotonic_ns()
        with self._siblings.locked():
            row = self._row_of(key)
            is_over = now - row[_Of.BEGAN] >= WINDOW_SECONDS * _NANOSECONDS
            if row[_Of.ADDRESS] != key or is_over:
                row[_Of.ADDRESS], row[_Of.BEGAN], row[_Of.COUNT] = key, now, 0
            row[_Of.COUNT] += 1
            return int(row[_Of.COUNT])

    def _row_of(self, key: int) -> memoryview:
        """The address's own row, else the oldest of the rows that it may take."""
        rows = [self._row_at((key + place) % FAILURE_ROWS) for place in range(_ROWS_OF_AN_ADDRESS)]
        own = (row for row in rows if row[_Of.ADDRESS] == key)
        return next(own, None) or min(rows, key=lambda row: row[_Of.BEGAN])

    def _row_at(self, place: int) -> memoryview:
        first = place * FAILURE_CELLS
        return self._siblings.failures[first : first + FAILURE_CELLS]


def _key_of(network: str) -> int:
    """Never 0, which means no address."""
    digest = blake2b(network.encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True) or 1


def _network_of(address: str) -> str:
    try:
        found = ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None:
        return str(ip_network((found, _NETWORK_BITS), strict=False))
    return str(found)
