"""SHA-256 of a file that comes in block by block."""

from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256

LARGE_BYTES = 64 * 1024
"""A smaller block is digested before another thread has begun."""


class FileDigest:
    """Digests large blocks in a thread of its own, while the caller writes them: neither needs Python's lock."""

    def __init__(self) -> None:
        self._digest = sha256()
        self._pool: ThreadPoolExecutor | None = None
        self._pending: Future[None] | None = None

    def update(self, data: bytes) -> None:
        self._wait()
        if len(data) < LARGE_BYTES:
            self._digest.update(data)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="digest")
        self._pending = self._pool.submit(self._digest.update, data)

    def hexdigest(self) -> str:
        self._wait()
        return self._digest.hexdigest()

    def close(self) -> None:
        """Ends the thread, if there is one."""
        if self._pool is not None:
            self._pool.shutdown()

    def _wait(self) -> None:
        if self._pending is not None:
            self._pending.result()
            self._pending = None
