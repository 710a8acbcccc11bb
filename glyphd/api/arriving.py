"""The file in a request's body on its way into the upload store, and the check of its first
block."""

from collections.abc import Callable
from dataclasses import dataclass

from glyphd.importing.intake import Described
from glyphd.uploads import HEAD_BYTES, Receiving


@dataclass(frozen=True)
class Body:
    """The parts of a request's body: a file, now in the upload store, and the form fields around
    it.

    `is_text`: it was sent as JSON text and stored as UTF-8, so its name and the `encoding` option
    do not apply to its bytes. `charset` is the encoding in its content type.
    """

    described: Described
    fields: list[tuple[str, str]]
    is_text: bool = False
    charset: str | None = None


Look = Callable[[Body, bool], None]
"""Checks the first block of a body, and raises to refuse it. The argument is True if no field can
follow."""


class Arriving:
    """The file of a body on its way into the store."""

    def __init__(self, receiving: Receiving, look: Look) -> None:
        self._receiving = receiving
        self._look = look
        self._is_looked_at = False

    @property
    def size(self) -> int:
        return self._receiving.size

    def add(self, data: bytes | bytearray) -> None:
        self._receiving.write(data)

    def look_once(self, body: Callable[[], Body], *, is_complete: bool) -> None:
        """Called when there is more than the first block; a smaller file is checked when it is
        complete."""
        if not self._is_looked_at and self.size > HEAD_BYTES:
            self._is_looked_at = True
            self._look(body(), is_complete)
