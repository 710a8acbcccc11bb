"""Pages that were answered lately, kept as they were sent: many clients ask for the same ones."""

from collections import OrderedDict
from threading import Lock

from bottle import HTTPResponse

from glyphd.settings import MIB

MOST_BYTES = 8 * MIB
LARGEST_PAGE_BYTES = MIB


class KeptPages:
    """By entity tag, which names all that an answer depends on: the archive's state, the query and the format.

    Those asked for longest ago go first. What was said of an older state is never asked for again, and goes so too.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[str, tuple[bytes, list[tuple[str, str]]]] = OrderedDict()
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
        if len(body) > min(LARGEST_PAGE_BYTES, self._most_bytes):
            return answer
        with self._lock:
            if etag not in self._kept:
                self._kept[etag] = body, answer.headerlist
                self._bytes += len(body)
            while self._bytes > self._most_bytes:
                _, (oldest, _) = self._kept.popitem(last=False)
                self._bytes -= len(oldest)
        return answer
