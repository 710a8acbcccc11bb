"""Where a webhook's requests go: its URL taken apart, and which addresses may be connected to."""

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

MAX_URL_CHARACTERS = 2000
_DEFAULT_PORTS = {"http": 80, "https": 443}
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_TRANSLATED = ip_network("64:ff9b::/96")
"""IPv6 addresses that a gateway (NAT64) turns into the IPv4 address at their end."""
_MAPPED_BITS = 0xFFFFFFFF

Address = IPv4Address | IPv6Address


class InvalidTarget(ValueError):
    """The URL can't be used for a webhook."""


class ForbiddenAddress(Exception):
    """The host has an address that webhooks may not be sent to."""


@dataclass(frozen=True)
class Target:
    """A URL, parsed once, so that the checked address is the one that is connected to."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The value of the `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def read_target(url: str) -> Target:
    """Raises InvalidTarget, with a reason that does not repeat the URL: it may contain a secret."""
    if len(url) > MAX_URL_CHARACTERS or not _VISIBLE.fullmatch(url):
        raise InvalidTarget(
            f"must be at most {MAX_URL_CHARACTERS} visible ASCII characters; write an "
            "international name as xn--…"
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InvalidTarget("must be a URL such as https://example.com/hook") from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or "\\" in url or port == 0:
        raise InvalidTarget("must be a URL such as https://example.com/hook")
    if "@" in parts.netloc or "#" in url:
        raise InvalidTarget("must have no user, password or fragment")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, parts.hostname, port or _DEFAULT_PORTS[parts.scheme], path)


def is_public(address: Address) -> bool:
    """Whether the address is a public one on the internet, as must be an IPv4 address embedded in
    it."""
    special = (
        address.is_multicast
        or address.is_reserved
        or address.is_unspecified
        or address.is_loopback
        or address.is_link_local
        or not address.is_global
    )
    if isinstance(address, IPv4Address):
        return not special
    inner = address.ipv4_mapped or address.sixtofour
    if address in _TRANSLATED:
        inner = IPv4Address(int(address) & _MAPPED_BITS)
    if inner is not None:
        return is_public(inner)
    return not (special or address.is_site_local or address.teredo is not None)


def is_surely_private(target: Target) -> bool:
    """Whether the host can be refused without resolving it."""
    name = target.host.rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return not is_public(ip_address(target.host))
    except ValueError:
        return False


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, in the order in which to try them. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def any_address(address: Address) -> bool:
    """Allows every address, for services that allow private ones."""
    return True


def require_allowed(addresses: Sequence[str], is_allowed: Callable[[Address], bool]) -> None:
    """Raises ForbiddenAddress if any address of a name is not allowed: a legitimate public name has
    none."""
    if not all(is_allowed(ip_address(one)) for one in addresses):
        raise ForbiddenAddress
