"""How many wrong tokens came from an address lately. Bounded: the oldest addresses are
forgotten."""

from ipaddress import IPv6Address, ip_address, ip_network
from threading import Lock

from cachetools import TTLCache

MOST_FAILURES = 20
WINDOW_SECONDS = 60
_MOST_ADDRESSES = 10_000
_NETWORK_BITS = 64  # one household or server has all addresses of such a network


class FailedAttempts:
    """Counts by address for a minute from the first failure on; an IPv6 network counts as one."""

    def __init__(self) -> None:
        self._counts: TTLCache[str, list[int]] = TTLCache(_MOST_ADDRESSES, WINDOW_SECONDS)
        self._lock = Lock()

    def add(self, address: str) -> int:
        """Counts one more failure; the number of them now."""
        with self._lock:
            # The list is changed, not set again: that would begin a new minute.
            count = self._counts.setdefault(_network_of(address), [0])
            count[0] += 1
            return count[0]


def _network_of(address: str) -> str:
    try:
        found = ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None:
        return str(ip_network((found, _NETWORK_BITS), strict=False))
    return str(found)
