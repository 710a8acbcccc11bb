"""The names under which this machine is known."""

import socket
from contextlib import suppress
from functools import cache
from threading import Thread

from glyphd.hosts import parse_host

# A resolver that does not answer, or a network that is not up yet, must not delay the start.
_RESOLVER_SECONDS = 1.0


@cache
def own_names() -> frozenset[str]:
    """The host name, its name in multicast DNS (`.local`), and the full name from the resolver."""
    name = socket.gethostname()
    given = (name, f"{name.partition('.')[0]}.local", _full_name(name))
    return frozenset(known for known in map(host_name, given) if known)


def host_name(text: str) -> str | None:
    """The normalized name; None if it is not a host name."""
    with suppress(ValueError):
        return parse_host(text).name
    return None


def _full_name(name: str) -> str:
    found: list[str] = []
    resolver = Thread(
        target=lambda: found.append(socket.getfqdn(name)), name="resolver", daemon=True
    )
    resolver.start()
    resolver.join(_RESOLVER_SECONDS)
    return found[0] if found else name
