"""What an upload store promises."""

from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

HEAD_BYTES = 128 * 1024
"""The first bytes of an upload that the check at the door looks at."""


class Receiving(Protocol):
    """An upload while it is being received. Leaving its block without `keep` leaves nothing
    behind."""

    def write(self, data: bytes | bytearray) -> None:
        """Adds bytes. Raises StorageFull when there is no room for them."""

    def start_digest(self) -> None:
        """The upload is wanted: its digest is taken from now on, beside what is still to come.

        Until then, and until `sha256` is asked for, no byte is digested or synced: a refused upload
        costs neither.
        """

    @property
    def size(self) -> int:
        """Bytes so far."""

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes that are the upload's so far, in hex. Raises StorageFull."""

    @property
    def head(self) -> bytes:
        """The first bytes, at most HEAD_BYTES of them."""

    def keep(self, name: str) -> None:
        """Makes the upload durable under this name: when it returns, the bytes survive a power
        cut."""


class UploadStore(Protocol):
    """Keeps files by name. Names are made by glyphd, never by a client."""

    def receive(self) -> AbstractContextManager[Receiving]:
        """Starts an upload."""

    def put(self, name: str, data: bytes) -> None:
        """Keeps a small file, durable when it returns; replaces one of the same name as a whole."""

    def create(self, name: str) -> BinaryIO:
        """Opens a file for writing from its start; the caller makes it durable with `settle`."""

    def settle(self, file: BinaryIO) -> None:
        """Makes what was written to a created file durable, and closes it."""

    def open(self, name: str) -> BinaryIO:
        """Opens a kept file for reading. Raises FileNotFoundError."""

    def size(self, name: str) -> int:
        """Bytes of a kept file. Raises FileNotFoundError."""

    def names(self) -> list[str]:
        """Every file that is kept, in no order; none that is only half received."""

    def age(self, name: str) -> float:
        """Seconds since the file was written; 0 for one that is gone, or from before the clock was
        set back."""

    def delete(self, name: str) -> None:
        """Forgets a file; no error when it isn't there."""

    def forget_unfinished(self, older_than_seconds: float) -> int:
        """Removes what was only half received, long ago; returns how many files that were."""

    def check_writable(self) -> None:
        """Raises StorageFull or OSError when nothing could be kept now."""
