"""Parses chunked bodies strictly: if another server could see a different end of a chunk, the body
is refused."""

import re
from typing import BinaryIO

from glyphd.request_errors import MalformedBody
from glyphd.server.heads import FIELD
from glyphd.server.spools import BodyBuffer

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?")
_LONGEST_LINE = 4 * 1024
_LONGEST_TRAILERS = 32 * 1024


class ChunkReceiver:
    """The interface of waitress's receiver of chunks, which accepts bare line feeds and blank
    lines."""

    completed = False
    error = None
    chunk_remainder = 0

    def __init__(self, buffer: BodyBuffer) -> None:
        self._buffer = buffer
        self._line = b""  # begun but not complete
        self._take_line = self._take_size
        self._trailer_bytes = 0

    def __len__(self) -> int:
        return len(self._buffer)

    def received(self, data: bytes) -> int:
        """Returns how many of the bytes belong to the body. Raises MalformedBody."""
        at, pieces = 0, []
        while at < len(data) and not self.completed:
            if self.chunk_remainder:
                pieces.append(data[at : at + self.chunk_remainder])
                at += len(pieces[-1])
                self.chunk_remainder -= len(pieces[-1])
            else:
                at = self._read_line(data, at)
        self._buffer.append(b"".join(pieces))
        return at

    def getfile(self) -> BinaryIO:
        return self._buffer.getfile()

    def getbuf(self) -> BodyBuffer:
        return self._buffer

    def _read_line(self, data: bytes, at: int) -> int:
        """Reads a line, or its first part; returns where it ends."""
        end = data.find(b"\n", at) + 1 or len(data)
        self._line += data[at:end]
        if len(self._line) > _LONGEST_LINE:
            raise MalformedBody("a chunk header or trailer of the body does not end")
        if self._line.endswith(b"\n"):
            line, self._line = self._line, b""
            if not line.endswith(b"\r\n"):
                raise MalformedBody(
                    "a line between the chunks of the body does not end with CR and LF"
                )
            self._take_line(line[:-2])
        return end

    def _take_size(self, line: bytes) -> None:
        found = _SIZE.fullmatch(line)
        if found is None:
            raise MalformedBody("a chunk of the body does not begin with its size")
        self.chunk_remainder = int(found[1], 16)
        self._take_line = self._take_end if self.chunk_remainder else self._take_trailer

    def _take_end(self, line: bytes) -> None:
        if line:
            raise MalformedBody("a chunk of the body is longer than it says")
        self._take_line = self._take_size

    def _take_trailer(self, line: bytes) -> None:
        """Trailers are not used, and are skipped."""
        self._trailer_bytes += len(line)
        if self._trailer_bytes > _LONGEST_TRAILERS or not (FIELD.fullmatch(line) or line == b""):
            raise MalformedBody("the trailers of the body do not end, or are invalid")
        self.completed = not line
