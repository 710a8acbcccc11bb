"""Pages as they were sent, kept for the many clients that ask for the same ones."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition

from bottle import HTTPResponse
from cachetools import LRUCache, cached

from glyphd.settings import MIB

MOST_BYTES = 8 * MIB
_BYTES_OF_AN_ENTRY = 2048
_BYTES_OF_A_HEADER = 192
"""What Python keeps beside the characters: an empty page has its price too."""

Make = Callable[[], HTTPResponse]


@dataclass(frozen=True)
class _Sent:
    body: bytes
    headers: list[tuple[str, str]]

    @property
    def size(self) -> int:
        """About how much memory it takes."""
        characters = sum(len(name) + len(value) for name, value in self.headers)
        return (
            len(self.body)
            + characters
            + len(self.headers) * _BYTES_OF_A_HEADER
            + _BYTES_OF_AN_ENTRY
        )


class KeptPages:
    """By entity tag, which names all that a page depends on: what is asked for, and the state of
    the archive.

    The least recently used go first, and so do those of an older state. Whoever asks for a page
    that another thread makes waits for that.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        pages: LRUCache[str, _Sent] = LRUCache(most_bytes, getsizeof=lambda sent: sent.size)
        self._sent = cached(pages, key=lambda etag, make: etag, condition=Condition())(_made)

    def answer(self, etag: str, make: Make) -> HTTPResponse:
        """The page with this tag, made unless it is kept."""
        sent = self._sent(etag, make)
        return HTTPResponse(sent.body, 200, sent.headers)


def _made(_etag: str, make: Make) -> _Sent:
    answer = make()
    return _Sent(answer.body, answer.headerlist)
