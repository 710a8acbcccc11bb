"""The interface of an upload store."""

from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

HEAD_BYTES = 128 * 1024
"""How many bytes at the start of an upload are checked on arrival."""


HALF_RECEIVED_SECONDS = 3600.0
"""An upload is incomplete only while it is received; after this many seconds its API process has
died."""

TIDY_SECONDS = 600.0
"""How often incomplete uploads are looked for, in seconds."""


class Receiving(Protocol):
    """An upload while it is being received. If its block ends without `keep`, nothing is left
    behind."""

    def write(self, data: bytes | bytearray) -> None:
        """Adds bytes. Raises StorageFull if there is no space for them."""

    def start_digest(self) -> None:
        """Call it when the upload is accepted: its digest is computed from now on, while the rest
        is received.

        Before this, or a call of `sha256`, nothing is digested or synced, so a refused upload costs
        neither.
        """

    @property
    def size(self) -> int:
        """The number of bytes so far."""

    @property
    def sha256(self) -> str:
        """SHA-256 of the upload's bytes so far, in hex. Raises StorageFull."""

    @property
    def head(self) -> bytes:
        """The first bytes, at most HEAD_BYTES of them."""

    def keep(self, name: str) -> None:
        """Makes the upload durable under this name: when it returns, the bytes survive a power
        cut."""


class UploadStore(Protocol):
    """Keeps files by name. Names are made by glyphd, never by a client.

    A store that machines share raises UploadsUnavailable if it does not answer; that says nothing
    about the files.
    """

    @property
    def has_local_files(self) -> bool:
        """Whether its files are local ones, with descriptors that can be sent from."""

    def receive(self) -> AbstractContextManager[Receiving]:
        """Starts an upload."""

    def put(self, name: str, data: bytes) -> None:
        """Keeps a small file, durable when it returns; atomically replaces one of the same name."""

    def create(self, name: str) -> BinaryIO:
        """Opens a file for writing from its start; the caller makes it durable with `settle`."""

    def settle(self, file: BinaryIO) -> None:
        """Makes what was written to a created file durable, and closes it."""

    def open(self, name: str) -> BinaryIO:
        """Opens a kept file for reading. Raises FileNotFoundError."""

    def size(self, name: str) -> int:
        """Bytes of a kept file. Raises FileNotFoundError."""

    def names(self) -> list[str]:
        """All complete files, in no particular order."""

    def age(self, name: str) -> float:
        """Seconds since the file was written; 0 for a missing one, or one from before the clock was
        set back."""

    def delete(self, name: str) -> None:
        """Removes a file; no error if it does not exist."""

    def forget_unfinished(self, older_than_seconds: float) -> int:
        """Removes old incomplete files; returns how many."""

    def check_writable(self) -> None:
        """Raises StorageFull or OSError if nothing can be stored now."""


class SharedStore(UploadStore, Protocol):
    """A store outside every machine, with a marker that says whose uploads it has."""

    def marked_id(self) -> str | None:
        """The id of the archive that these uploads belong to; None if there is no marker."""

    def mark(self, archive_id: str) -> str | None:
        """Marks these uploads as this archive's unless they already belong to one; returns the id
        that is now in the marker."""
