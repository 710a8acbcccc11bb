"""Requests to the service: with its token, tried again while that may help, and every refusal an
exception."""

import json
import platform
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from glyphd_client.addresses import checked_url, proxy_for
from glyphd_client.errors import InvalidUse, TryLater
from glyphd_client.problems import problem_error
from glyphd_client.retrying import WORTH_RETRYING, Retries, seconds_asked

CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 120.0
"""The longest pause of the service in the middle of a request or an answer."""

AGENT = f"glyphd-client/{version('glyphd-client')} (Python {platform.python_version()})"

Pairs = Sequence[tuple[str, str]]
Body = Callable[[], Iterable[bytes]]
OnRetry = Callable[[str, float], None]
"""Is called before each pause, with what went wrong and the seconds until the next try."""


@dataclass(frozen=True)
class Request:
    """One request. `body` is called again for each attempt."""

    method: Literal["GET", "POST"]
    path: str
    query: Pairs = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = None


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Raises InvalidUse if something else than glyphd has answered."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise InvalidUse("the answer is not glyphd's: is the address right?") from None


class Transport:
    """One service. May be used by several threads."""

    def __init__(
        self,
        url: str,
        token: str | None,
        *,
        retries: Retries,
        on_retry: OnRetry | None = None,
    ) -> None:
        self.url = checked_url(url)
        self._retries = retries
        self._on_retry = on_retry
        self._headers = {"User-Agent": AGENT, "Accept-Encoding": "gzip"}
        if token:
            self._headers["Authorization"] = f"Bearer {_checked_token(token)}"
        self._pool = _pool(self.url)

    def send(self, request: Request) -> Answer:
        """The whole answer. Raises Refused, TryLater and InvalidUse."""
        return self._trying(request, lambda response: response.data)

    def download(self, request: Request, save: Callable[[Iterator[bytes]], None]) -> None:
        """Passes the answer's body to `save`, block by block; again from the start if it breaks
        off."""

        def keep(response: urllib3.BaseHTTPResponse) -> bytes:
            save(response.stream(1 << 16, decode_content=True))
            return b""

        self._trying(request, keep)

    def close(self) -> None:
        self._pool.clear()

    def _trying(
        self, request: Request, read: Callable[[urllib3.BaseHTTPResponse], bytes]
    ) -> Answer:
        tries, waited = 0, 0.0
        while True:
            tries += 1
            try:
                return self._once(request, read)
            except TryLater as error:
                pause = self._retries.pause(tries, waited, error.retry_after)
                if pause is None or error.status not in WORTH_RETRYING:
                    raise
                if self._on_retry is not None:
                    self._on_retry(error.detail, pause)
                time.sleep(pause)
                waited += pause

    def _once(self, request: Request, read: Callable[[urllib3.BaseHTTPResponse], bytes]) -> Answer:
        with self._opened(request) as response:
            if response.status >= 300:
                raise _failure(self.url, response)
            return Answer(response.status, response.headers, read(response))

    @contextmanager
    def _opened(self, request: Request) -> Iterator[urllib3.BaseHTTPResponse]:
        """The answer with its body unread. Raises TryLater if the connection fails or is lost, also
        while the caller reads."""
        query = f"?{urlencode(request.query)}" if request.query else ""
        try:
            response = self._pool.request(
                request.method,
                f"{self.url}{request.path}{query}",
                body=None if request.body is None else request.body(),
                headers={**self._headers, **request.headers},
                retries=False,  # neither tries nor redirects of urllib3's own
                preload_content=False,
            )
            try:
                yield response
                response.release_conn()
            finally:
                response.close()
        except HTTPError as error:
            if _is_untrusted(error):
                raise InvalidUse(f"{self.url}: {_why(error)}") from error
            raise TryLater(f"can't reach {self.url}: {_why(error)}") from error


def _pool(url: str) -> urllib3.PoolManager:
    """Certificates are checked against those that the system trusts."""
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=SILENCE_SECONDS)
    context = ssl.create_default_context() if url.startswith("https:") else None
    proxy = proxy_for(url)
    if proxy is None:
        return urllib3.PoolManager(timeout=timeout, ssl_context=context)
    login = urlsplit(proxy)
    headers = {}
    if login.username is not None:
        headers = urllib3.make_headers(proxy_basic_auth=f"{login.username}:{login.password or ''}")
    return urllib3.ProxyManager(proxy, proxy_headers=headers, timeout=timeout, ssl_context=context)


def _checked_token(token: str) -> str:
    """The token without white space around it. A line break in it would be another header."""
    if not token.strip().isascii() or not token.strip().isprintable():
        raise InvalidUse("the token must be visible ASCII characters")
    return token.strip()


def _failure(url: str, response: urllib3.BaseHTTPResponse) -> Exception:
    """What an answer other than 2xx means: try later, or don't."""
    if response.status in (301, 302, 303, 307, 308):
        target = response.headers.get("Location", "another address")
        return InvalidUse(f"{url} redirects to {target}: use that address")
    refused = problem_error(response.status, response.headers, response.data)
    if response.status < 500 and response.status != 429:
        return refused
    later = TryLater(f"{url} answers {response.status}: {refused.detail}", code=refused.code)
    later.status = response.status
    later.retry_after = seconds_asked(response.headers.get("Retry-After"))
    return later


def _is_untrusted(error: HTTPError) -> bool:
    """Whether a certificate was not accepted; other trouble with TLS is a lost connection."""
    causes = (*error.args, error.__cause__, error.__context__)
    return any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes)


def _why(error: Exception) -> str:
    """The reason in a person's words, without urllib3's own."""
    cause = error.__cause__ or error.__context__
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror[0].lower() + cause.strerror[1:]
    text = str(error)
    return text.partition(": ")[2] if text.startswith("<") else text
