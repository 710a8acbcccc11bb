"""Physical lines of a kept file, as text for the csv module, with their numbers, offsets and flaws."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from glyphd.importing.encodings import DEFAULT_ENCODING, UTF8_BOM


class LineSource(Protocol):
    """What lines are read from: any buffered binary file."""

    def readline(self, size: int = -1, /) -> bytes:
        """At most `size` bytes of the next line, its end included; empty at the end of the file."""


class Flaw(NamedTuple):
    """Why a line can't be taken as it is: an error code and a sentence."""

    code: str
    message: str


class PhysicalLines:
    """Iterates over a file's lines, decoded. A flaw is noted, not raised, so that the lines after it are read too.

    `number` counts the lines given so far, `offset` their bytes; `flaw` is the first one met since it was last
    cleared. A line longer than `max_bytes` is passed over but for the one thing that matters to the lines after
    it: whether it leaves a quote open.
    """

    def __init__(self, source: LineSource, *, encoding: str, max_bytes: int) -> None:
        self.number = 0
        self.offset = 0
        self.flaw: Flaw | None = None
        self._source = source
        self._encoding = encoding
        self._max_bytes = max_bytes

    def __iter__(self) -> Iterator[str]:
        readline, limit, encoding = self._source.readline, self._max_bytes + 1, self._encoding
        while raw := readline(limit):
            self.number += 1
            self.offset += len(raw)
            if self.number == 1 and encoding == DEFAULT_ENCODING:
                raw = raw.removeprefix(UTF8_BOM)
            if len(raw) == limit and not raw.endswith(b"\n"):
                yield self._pass_over(raw)
            elif b"\0" in raw:
                yield self._flawed(raw, Flaw("nul_character", "holds a NUL character"))
            else:
                try:
                    yield raw.decode(encoding)
                except UnicodeDecodeError as error:
                    yield self._flawed(raw, Flaw("undecodable", _sentence(error)))

    def _flawed(self, raw: bytes, flaw: Flaw) -> str:
        self.note(flaw)
        return raw.decode(self._encoding, "replace").replace("\0", "\ufffd")

    def _pass_over(self, raw: bytes) -> str:
        quotes = raw.count(b'"')
        while raw and not raw.endswith(b"\n"):
            raw = self._source.readline(self._max_bytes)
            self.offset += len(raw)
            quotes += raw.count(b'"')
        self.note(Flaw("line_too_long", f"is longer than {self._max_bytes} bytes"))
        return '"\n' if quotes % 2 else "\n"

    def note(self, flaw: Flaw) -> None:
        """Keeps a flaw, unless there is one already."""
        if self.flaw is None:
            self.flaw = flaw


def _sentence(error: UnicodeDecodeError) -> str:
    wrong = error.object[error.start : error.end].hex(" ")
    return f"can't be decoded as {error.encoding}: byte {error.start + 1} of the line is {wrong}"
