"""A terminal for a command: what it wrote, and the keys pressed."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from clients.python.tests.commands import GLYPHD_PUSH
from tests.e2e.processes import PATIENCE_SECONDS

STYLE = re.compile(r"\x1b\[[0-9;]*m")
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9][0-9;]*m")
MOVEMENT = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\^C")
"""What begins another line. The terminal itself writes ^C where the cursor is when that is
pressed."""

ROWS = 24


@dataclass
class Terminal:
    """A command in a terminal of its own."""

    popen: subprocess.Popen[bytes]
    descriptor: int
    written: bytes = field(default=b"")

    @property
    def text(self) -> str:
        """All that it wrote so far; the last character may have come in part."""
        return self.written.decode(errors="ignore")

    def read_until(self, condition: Callable[[str], bool]) -> str:
        """Reads until the text is as the test wants it."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition(self.text):
            assert time.monotonic() < deadline, self.text
            assert self._read(), f"ended: {self.text!r}"
        return self.text

    def press_ctrl_c(self) -> None:
        os.write(self.descriptor, b"\x03")

    def end(self) -> int:
        """Reads to the end; the exit code."""
        while self._read():
            pass
        os.close(self.descriptor)
        return self.popen.wait(PATIENCE_SECONDS)

    @property
    def lines(self) -> list[str]:
        """The lines as a person would find them, colours and cursor movements left out."""
        plain = MOVEMENT.sub("\n", STYLE.sub("", self.text))
        return [line for line in plain.splitlines() if line.strip()]

    def _read(self) -> bool:
        try:
            block = os.read(self.descriptor, 65536)
        except OSError:  # Linux's way to say that the other side is closed
            return False
        self.written += block
        return bool(block)


def run_in_terminal(
    environment: Mapping[str, str], *words: str | Path, columns: int = 80
) -> Terminal:
    """`glyphd-push` with these words in a terminal that is so wide."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
    # setsid makes it the command's own terminal, so that Ctrl-C reaches it.
    popen = subprocess.Popen(
        ["setsid", "--ctty", GLYPHD_PUSH, *words],
        # A test process may be given a width of its own, which would count before the terminal's.
        env={key: value for key, value in environment.items() if key not in ("COLUMNS", "LINES")},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    return Terminal(popen, ours)
