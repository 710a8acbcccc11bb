"""The file of a request's body on its way into the upload store, and the look at its head."""

from collections.abc import Callable
from dataclasses import dataclass

from glyphd.importing.intake import Described
from glyphd.uploads import HEAD_BYTES, Receiving


@dataclass(frozen=True)
class Body:
    """What a request's body was: a file, now in the upload store, and the form fields around it.

    `is_text`: it came as JSON text and was kept as UTF-8, so that its name and the `encoding`
    option say nothing of its bytes. `charset` is the encoding that its content type names.
    """

    described: Described
    fields: list[tuple[str, str]]
    is_text: bool = False
    charset: str | None = None


Look = Callable[[Body, bool], None]
"""Looks at a body of which only the head is there, and raises to refuse it; True when no field can
follow."""


@dataclass
class Arriving:
    """The file of a body on its way into the store, and what looks at its head."""

    receiving: Receiving
    look: Look
    _is_looked_at: bool = False

    def add(
        self, data: bytes | bytearray, body: Callable[[], Body], *, is_complete: bool = False
    ) -> None:
        """Stores the bytes, and looks at the body once, when there is more than a head: what has no
        more is looked at when all of it is there."""
        self.receiving.write(data)
        if not self._is_looked_at and self.receiving.size > HEAD_BYTES:
            self._is_looked_at = True
            self.look(body(), is_complete)
