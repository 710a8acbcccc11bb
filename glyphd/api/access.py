"""Decides which requests are answered: those for a name of this service, and writes only from its
own pages.

A browser sends requests on behalf of any web page, also to this machine. It says which page a
request comes from (`Sec-Fetch-Site`, `Origin`) and under which name it reached the service
(`Host`). The name reveals DNS rebinding, where a foreign name points to this machine. Other
clients send neither of the first two, and pass.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from glyphd.api.forwarding import last_of
from glyphd.api.own_names import host_name, own_names
from glyphd.hosts import Host, parse_host
from glyphd.request_errors import CrossSiteRequest, HostNotAllowed, InvalidHost
from glyphd.setting_lists import ANY_HOST, Network
from glyphd.settings import Settings

_READ = (
    "HOST",
    "ORIGIN",
    "SEC_FETCH_SITE",
    "X_FORWARDED_HOST",
    "X_FORWARDED_FOR",
    "AUTHORIZATION",
    "COOKIE",
)
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
PROBED_PATHS = ("/api/health", "/api/ready")
_OWN_SITES = ("same-origin", "none")  # none: an action of the user, such as opening a bookmark
_HOST_OPTIONAL = ("", "0.9", "1.0")
_ORIGIN = re.compile(r"(https?)://([^/]+)/?", re.IGNORECASE)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_MOST_SHOWN = 200


@dataclass(frozen=True)
class RequestHead:
    """The parts of a request that the rule uses.

    `version` is that of HTTP, such as `1.1`; `peer` is the address that the request came from.
    Header names are in upper case with underscores; a repeated header has both values, separated by
    a comma.
    """

    method: str
    path: str
    version: str
    peer: str
    headers: Mapping[str, str]

    @property
    def is_safe(self) -> bool:
        """Whether its method changes nothing."""
        return self.method.upper() in SAFE_METHODS

    @classmethod
    def from_environ(cls, environ: Mapping[str, Any]) -> "RequestHead":
        return cls(
            method=environ["REQUEST_METHOD"],
            path=environ.get("PATH_INFO", ""),
            version=environ.get("SERVER_PROTOCOL", "").removeprefix("HTTP/"),
            peer=environ.get("REMOTE_ADDR", ""),
            headers={name: environ[f"HTTP_{name}"] for name in _READ if f"HTTP_{name}" in environ},
        )


@dataclass(frozen=True)
class AccessRule:
    """The rule itself. Names are normalized by `parse_host`."""

    allowed_hosts: frozenset[str] = frozenset()
    own_names: frozenset[str] = frozenset()
    trusted_proxies: tuple[Network, ...] = ()

    @classmethod
    def from_settings(cls, settings: Settings) -> "AccessRule":
        listening = host_name(settings.host)
        return cls(
            allowed_hosts=settings.allowed_host_names,
            own_names=own_names() | ({listening} if listening else set()),
            trusted_proxies=settings.trusted_networks,
        )

    def check(self, head: RequestHead) -> None:
        """Raises InvalidHost, HostNotAllowed or CrossSiteRequest."""
        # 1. Load balancers ask under any name or none, and the answer holds nothing worth stealing.
        is_safe = head.is_safe
        if is_safe and head.path in PROBED_PATHS:
            return

        # 2. The requested host; only HTTP/1.0 clients may leave it out.
        given, host = head.headers.get("HOST", ""), None
        if not given and head.version not in _HOST_OPTIONAL:
            raise InvalidHost("a request needs a Host header")
        try:
            host = parse_host(given) if given else None
        except ValueError:
            what = "the Host header must be one host, with or without a port"
            raise InvalidHost(what) from None

        if host is not None and not self._is_served(host):
            what = f"{host.name} is not a name of this service"
            hint = "if it should be, add it to GLYPHD_ALLOWED_HOSTS"
            raise HostNotAllowed(f"{what}; {hint}", host=host.name)

        # 3. A browser says which page a request comes from: only our own may change anything.
        site, origin = head.headers.get("SEC_FETCH_SITE"), head.headers.get("ORIGIN")
        if is_safe or site in _OWN_SITES:
            return
        if site is not None:
            what = f"Sec-Fetch-Site is {site[:_MOST_SHOWN]!r}"
            raise CrossSiteRequest(f"{what}: pages of other sites can't change anything here")
        if origin is not None and not self._is_own_origin(origin, head, host):
            raise CrossSiteRequest(
                f"the page is from {origin[:_MOST_SHOWN]!r}, which is not the host of the request; "
                "if it is a page of this service, let the proxy pass the Host header with its "
                "port, or add the page's host to GLYPHD_ALLOWED_HOSTS"
            )

    def trusts(self, peer: str) -> bool:
        """Whether headers about other hosts are trusted from this address."""
        if not self.trusted_proxies:
            return False
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self.trusted_proxies)

    def client_of(self, head: RequestHead) -> str:
        """The address of the client: our peer's or, behind trusted proxies, the last forwarded
        address that is not a trusted proxy's."""
        client = head.peer
        forwarded = head.headers.get("X_FORWARDED_FOR", "").split(",")
        while self.trusts(client) and forwarded:
            client = forwarded.pop().strip() or client
        return client

    def _is_served(self, host: Host) -> bool:
        """Rebinding needs a name in the DNS, which has a dot."""
        name = host.name
        if host.is_address or "." not in name or name.endswith(".localhost"):
            return True
        return ANY_HOST in self.allowed_hosts or name in self.allowed_hosts | self.own_names

    def _is_own_origin(self, origin: str, head: RequestHead, host: Host | None) -> bool:
        found = _ORIGIN.fullmatch(origin)
        if found is None:
            return False
        try:
            page = parse_host(found[2])
        except ValueError:
            return False
        default = _DEFAULT_PORTS[found[1].lower()]
        asked = filter(None, (host, self._forwarded_host(head)))
        return page.name in self.allowed_hosts or any(_is_same(page, one, default) for one in asked)

    def _forwarded_host(self, head: RequestHead) -> Host | None:
        """The host that the client requested, as a trusted proxy reports it."""
        if self.trusts(head.peer):
            with suppress(ValueError):
                return parse_host(last_of(head.headers.get("X_FORWARDED_HOST", "")))
        return None


def _is_same(page: Host, asked: Host, default_port: int) -> bool:
    """Whether host and port are the same; the default port depends on the page's scheme."""
    return page.name == asked.name and (page.port or default_port) == (asked.port or default_port)
