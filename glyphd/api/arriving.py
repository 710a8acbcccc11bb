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


@dataclass
class Arriving:
    """The file of a body on its way into the store, and the check of its head."""

    receiving: Receiving
    look: Look
    _is_looked_at: bool = False

    def add(
        self, data: bytes | bytearray, body: Callable[[], Body], *, is_complete: bool = False
    ) -> None:
        """Stores the bytes, and checks the body once, as soon as there is more than a head. A
        smaller body is checked when it is complete."""
        self.receiving.write(data)
        if not self._is_looked_at and self.receiving.size > HEAD_BYTES:
            self._is_looked_at = True
            self.look(body(), is_complete)
