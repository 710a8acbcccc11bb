"""The interface of an upload store."""

from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

HEAD_BYTES = 128 * 1024
"""How many first bytes of an upload are checked at the door."""


HALF_RECEIVED_SECONDS = 3600.0
"""An upload is incomplete only while it is copied; after this long its API process has died."""

TIDY_SECONDS = 600.0
"""How often those are looked for."""


class Receiving(Protocol):
    """An upload while it is being received. If its block ends without `keep`, nothing is left
    behind."""

    def write(self, data: bytes | bytearray) -> None:
        """Adds bytes. Raises StorageFull if there is no space for them."""

    def start_digest(self) -> None:
        """The upload was accepted: its digest is computed from now on, in parallel with what is
        still received.

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

    A store that other machines share raises UploadsUnavailable where it does not answer; nothing is
    wrong with the files then.
    """

    @property
    def has_local_files(self) -> bool:
        """Whether its files are files of this system, with descriptors that can be sent from."""

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
        """Seconds since the file was written; 0 for one that is gone, or from before the clock was
        set back."""

    def delete(self, name: str) -> None:
        """Removes a file; no error if it does not exist."""

    def forget_unfinished(self, older_than_seconds: float) -> int:
        """Removes old incomplete files; returns how many."""

    def check_writable(self) -> None:
        """Raises StorageFull or OSError if nothing can be stored now."""


class SharedStore(UploadStore, Protocol):
    """A store of its own, outside every machine, that says whose uploads it has."""

    def marked_id(self) -> str | None:
        """The id of the archive that these uploads belong to; None if nothing says so."""

    def mark(self, archive_id: str) -> str | None:
        """Says that these uploads belong to this archive unless they belong to one already; the id
        that counts now."""
