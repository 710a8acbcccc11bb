"""Computes the SHA-256 of a file while it is being written."""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256

# Smaller blocks would wait for Python's lock more often. The buffer is reused, so it is not newly
# allocated each time.
_BLOCK_BYTES = 1 << 20
_STEP_BYTES = 8 << 20


class FollowingDigest:
    """Digests in a separate thread, which follows the writer. The writer says how much of the file
    is valid."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._digest = sha256()
        self._block = memoryview(bytearray(_BLOCK_BYTES))
        self._size = 0
        self._asked_size = 0
        self._thread = ThreadPoolExecutor(1, "digest")

    def follow(self, size: int) -> None:
        """Sets how many bytes are valid by now; small steps wait for the next call."""
        if size - self._asked_size >= _STEP_BYTES:
            self.catch_up(size)

    def catch_up(self, size: int) -> Future[str]:
        """Waits for the SHA-256 of the first `size` bytes, in hex. Raises OSError if the file has
        fewer."""
        self._asked_size = size
        return self._thread.submit(self._read, size)

    def close(self) -> None:
        """Cancels what has not begun. Call it while the file is still open."""
        self._thread.shutdown(cancel_futures=True)

    def _read(self, size: int) -> str:
        while self._size < size:
            count = os.preadv(self._descriptor, [self._block[: size - self._size]], self._size)
            if not count:
                raise OSError(f"a received file ends {size - self._size} bytes early")
            self._digest.update(self._block[:count])
            self._size += count
        return self._digest.hexdigest()
