"""A file on its way to the service: its digest, its name, its bytes packed block by block."""

import hashlib
import io
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from glyphd_client.errors import LocalFileError

BLOCK_BYTES = 1 << 18
GZIP_MAGIC = b"\x1f\x8b"
GZIP_WINDOW = 31
"""zlib's wbits for a gzip member with the largest window. Its header has no name and no time, so
that equal bytes are packed equally."""

OnSent = Callable[[int, int], None]
"""Is called while a file is sent, with the bytes of the file that were sent, and all of them."""


def nobody_looks(_sent: int, _total: int) -> None:
    pass


@dataclass(frozen=True)
class UploadFile:
    """A file to send. `content` is its path, or the bytes themselves; `digest` is the SHA-256 of
    what it is."""

    content: Path | bytes
    name: str
    size: int
    digest: str
    is_packed: bool

    def headers(self, *, pack: bool) -> dict[str, str]:
        """How the body is to be read. Only a body that is sent as it is has a length."""
        if self.is_packed:
            return {"Content-Type": "application/gzip", "Content-Length": str(self.size)}
        kind = "text/tab-separated-values" if self.name.lower().endswith(".tsv") else "text/csv"
        if pack:
            return {"Content-Type": kind, "Content-Encoding": "gzip"}
        return {"Content-Type": kind, "Content-Length": str(self.size)}

    def body(self, on_sent: OnSent, *, pack: bool) -> Iterator[bytes]:
        """The bytes to send. Raises LocalFileError before the last of them if they are no longer
        those of the digest: the service drops a body without an end."""
        blocks = self._checked(on_sent)
        return _packed(blocks) if pack and not self.is_packed else blocks

    def _checked(self, on_sent: OnSent) -> Iterator[bytes]:
        """Each block is held until the next one has been read."""
        hashed, sent, held = hashlib.sha256(), 0, b""
        on_sent(0, self.size)
        with _reading(self.content) as stream:
            for block in _blocks_of(stream, self.name):
                hashed.update(block)
                if sent + len(held) + len(block) > self.size:
                    break
                yield held
                sent += len(held)
                on_sent(sent, self.size)
                held = block
        if hashed.hexdigest() != self.digest:
            raise LocalFileError(f"{self.name} was changed while it was being sent; send it again")
        yield held
        on_sent(self.size, self.size)


def _packed(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """As one gzip member, in blocks that are worth sending."""
    packer = zlib.compressobj(wbits=GZIP_WINDOW)
    waiting = b""
    for block in blocks:
        waiting += packer.compress(block)
        if len(waiting) >= BLOCK_BYTES:
            yield waiting
            waiting = b""
    yield waiting + packer.flush()


def open_upload(content: str | os.PathLike[str] | bytes, name: str | None = None) -> UploadFile:
    """The file, read once for its digest. Raises LocalFileError if it can't be read."""
    kept = content if isinstance(content, bytes) else Path(content)
    shown = name or (_file_name(kept) if isinstance(kept, Path) else "upload.csv")
    hashed, size, head = hashlib.sha256(), 0, b""
    with _reading(kept) as stream:
        for block in _blocks_of(stream, shown):
            head = head or block[:2]
            hashed.update(block)
            size += len(block)
    return UploadFile(kept, shown, size, hashed.hexdigest(), head == GZIP_MAGIC)


def _reading(content: Path | bytes) -> BinaryIO:
    if isinstance(content, bytes):
        return io.BytesIO(content)
    try:
        return content.open("rb")
    except OSError as error:
        raise LocalFileError(f"can't read {content}: {error.strerror}") from error


def _blocks_of(stream: BinaryIO, name: str) -> Iterator[bytes]:
    """Not an OSError if reading fails: that would look like a lost connection."""
    try:
        while block := stream.read(BLOCK_BYTES):
            yield block
    except OSError as error:
        raise LocalFileError(f"can't read {name}: {error.strerror}") from error


def _file_name(path: Path) -> str:
    """The name as text: a file's name may be any bytes."""
    return os.fsencode(path.name).decode("utf-8", "replace")
