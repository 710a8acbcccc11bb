"""Pages that were answered lately, kept as they were sent: many clients ask for the same ones."""

from collections import OrderedDict
from threading import Lock

from bottle import HTTPResponse

from glyphd.settings import MIB

MOST_BYTES = 8 * MIB
LARGEST_PAGE_BYTES = MIB
_BYTES_OF_AN_ENTRY = 2048
_BYTES_OF_A_HEADER = 192
"""What Python keeps beside the characters: an empty page has its price too."""

Headers = list[tuple[str, str]]


class KeptPages:
    """By entity tag, which names all that an answer depends on: the archive's state, the query and the format.

    Body, headers and the entry itself count. Those asked for longest ago go first. What was said of an older state is
    never asked for again, and goes so too.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[str, tuple[bytes, Headers]] = OrderedDict()
        self._lock = Lock()

    def find(self, etag: str) -> HTTPResponse | None:
        """The answer with this tag, or None."""
        with self._lock:
            if etag not in self._kept:
                return None
            self._kept.move_to_end(etag)
            body, headers = self._kept[etag]
        return HTTPResponse(body, 200, headers)

    def keep(self, etag: str, answer: HTTPResponse) -> HTTPResponse:
        """The answer as it is, kept unless it is large."""
        body: bytes = answer.body
        headers = answer.headerlist
        size = _size_of(body, headers)
        if size > min(LARGEST_PAGE_BYTES, self._most_bytes):
            return answer
        with self._lock:
            if etag not in self._kept:
                self._kept[etag] = body, headers
                self._bytes += size
            while self._bytes > self._most_bytes:
                _, oldest = self._kept.popitem(last=False)
                self._bytes -= _size_of(*oldest)
        return answer


def _size_of(body: bytes, headers: Headers) -> int:
    """About how much memory a page takes."""
    characters = sum(len(name) + len(value) + _BYTES_OF_A_HEADER for name, value in headers)
    return len(body) + characters + _BYTES_OF_AN_ENTRY
