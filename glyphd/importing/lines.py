"""Physical lines of a kept file, as text for the csv module, with their numbers, offsets and
flaws."""

from codecs import getincrementaldecoder
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from glyphd.contracts.json_values import NUL_CHARACTER
from glyphd.errors import UnreadableFile
from glyphd.importing.encodings import DEFAULT_ENCODING, UTF8_BOM

DOS_END = b"\x1a"
"""The character that DOS programs write at the end of a file."""


class LineSource(Protocol):
    """The source of lines: any buffered binary file."""

    def readline(self, size: int = -1, /) -> bytes:
        """At most `size` bytes of the next line, its end included; empty at the end of the file."""


class Flaw(NamedTuple):
    """An error in a line: its code and a message."""

    code: str
    message: str


class PhysicalLines:
    """Iterates over a file's lines, decoded. A flaw is recorded, not raised, so that the lines
    after it are read too.

    `number` counts the lines returned so far, including those that a block reader has read;
    `offset` counts their bytes, and `text` is the last of them. `flaw` is the first flaw since
    `begin_record`. Neither a line nor a record may be longer than `max_bytes`: a longer line is
    skipped, and returned as a blank one. Raises UnreadableFile if the lines after it can't be
    interpreted: if it has an odd number of quotes, or is in a record that began on an earlier line.
    """

    def __init__(self, source: LineSource, *, encoding: str, max_bytes: int) -> None:
        self.number = 0
        self.offset = 0
        self.text = ""
        self.flaw: Flaw | None = None
        self._began_after = (0, 0)
        self._source = source
        self.encoding = encoding
        self.max_bytes = max_bytes

    def __iter__(self) -> Iterator[str]:
        readline, limit, encoding = self._source.readline, self.max_bytes + 1, self.encoding
        while raw := readline(limit):
            self.number += 1
            self.offset += len(raw)
            if self.number == 1 and encoding == DEFAULT_ENCODING:
                raw = raw.removeprefix(UTF8_BOM)
            if (
                raw.endswith(DOS_END) and len(raw) < limit
            ):  # without a line end: the file's last line
                raw = raw.removesuffix(DOS_END)
                if not raw:
                    return
            if self.offset - self._began_after[1] > self.max_bytes:
                self.text = self._pass_over(raw)
            elif b"\0" in raw:
                self.text = self._flawed(raw, Flaw(*NUL_CHARACTER))
            else:
                try:
                    self.text = raw.decode(encoding)
                except UnicodeDecodeError as error:
                    self.text = self._flawed(raw, Flaw("undecodable", _sentence(error)))
            yield self.text

    def begin_record(self) -> None:
        """Marks the next line as the first one of a record."""
        self.flaw = None
        self._began_after = (self.number, self.offset)

    def _flawed(self, raw: bytes, flaw: Flaw) -> str:
        self.note(flaw)
        return raw.decode(self.encoding, "replace").replace("\0", "\ufffd")

    def _pass_over(self, raw: bytes) -> str:
        flaw = Flaw("line_too_long", f"is longer than {self.max_bytes} bytes")
        first = self._began_after[0] + 1
        if self.number != first:
            what = f"the record at line {first} {flaw.message}: a quote in it may be unclosed"
            raise UnreadableFile(what, line=first)
        if self._quotes_to_the_end(raw) % 2:
            raise ambiguous(first, flaw)
        self.note(flaw)
        return "\n"

    def _quotes_to_the_end(self, raw: bytes) -> int:
        decoder = getincrementaldecoder(self.encoding)("replace")
        quotes = decoder.decode(raw).count('"')
        while raw and not raw.endswith(b"\n"):
            raw = self._source.readline(self.max_bytes)
            self.offset += len(raw)
            quotes += decoder.decode(raw).count('"')
        return quotes

    def note(self, flaw: Flaw) -> None:
        """Records a flaw, unless there already is one."""
        if self.flaw is None:
            self.flaw = flaw


def ambiguous(line: int, flaw: Flaw) -> UnreadableFile:
    """The error of a flawed line that may or may not leave a quote open: the lines after it could
    be rows or not."""
    what = (
        f"line {line} {flaw.message} and has an unmatched quote, so the end of its record is "
        "unclear"
    )
    return UnreadableFile(what, line=line)


def _sentence(error: UnicodeDecodeError) -> str:
    wrong = error.object[error.start : error.end].hex(" ")
    return f"can't be decoded as {error.encoding}: byte {error.start + 1} of the line is {wrong}"
