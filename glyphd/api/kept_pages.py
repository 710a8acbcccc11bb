"""A cache of sent pages, for clients that request the same ones."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition

from bottle import HTTPResponse
from cachetools import LRUCache, cached

from glyphd.settings import MIB

MOST_BYTES = 8 * MIB
_BYTES_OF_AN_ENTRY = 2048
_BYTES_OF_A_HEADER = 192
"""Python's overhead besides the characters, because even an empty page takes memory."""

Make = Callable[[], HTTPResponse]


@dataclass(frozen=True)
class _Sent:
    body: bytes
    headers: list[tuple[str, str]]

    @property
    def size(self) -> int:
        """The approximate memory of an entry."""
        characters = sum(len(name) + len(value) for name, value in self.headers)
        return (
            len(self.body)
            + characters
            + len(self.headers) * _BYTES_OF_A_HEADER
            + _BYTES_OF_AN_ENTRY
        )


class KeptPages:
    """Pages by entity tag, which covers everything on which a page depends: the request, and the
    state of the archive.

    The least recently used pages are dropped first, including those of an older state. If another
    thread is already making the page, the caller waits for it.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        pages: LRUCache[str, _Sent] = LRUCache(most_bytes, getsizeof=lambda sent: sent.size)
        self._sent = cached(pages, key=lambda etag, make: etag, condition=Condition())(self._made)

    def answer(self, etag: str, make: Make) -> HTTPResponse:
        """The page with this tag, from the cache or newly made."""
        sent = self._sent(etag, make)
        return HTTPResponse(sent.body, 200, sent.headers)

    def _made(self, _etag: str, make: Make) -> _Sent:
        answer = make()
        return _Sent(answer.body, answer.headerlist)
