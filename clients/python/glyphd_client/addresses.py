"""Where the service is, and the proxy that leads there."""

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from glyphd_client.errors import InvalidUse

DEFAULT_URL = "http://localhost:8080"


def checked_url(url: str) -> str:
    """The service's address without a slash at its end. Raises InvalidUse if it is none."""
    try:
        parts = urlsplit(url.strip())
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        is_address = False
    if not is_address or parts.query or parts.fragment:
        raise InvalidUse(f"not an address of a service, such as {DEFAULT_URL}: {url!r}")
    if parts.username is not None:
        raise InvalidUse("the address must not contain a user or password; use a token")
    return url.strip().rstrip("/")


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for this address (`HTTPS_PROXY`, `NO_PROXY`)."""
    parts = urlsplit(url)
    if proxy_bypass(parts.netloc):
        return None
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"
