"""A body on its way into the store: received into an unnamed file, which the store can take over as it lies."""

from typing import BinaryIO


class Spool:
    """A body to be read once. `lead` is what a form has before its file; all from there on is in `file`."""

    def __init__(self, lead: bytes, file: BinaryIO) -> None:
        self._lead = lead
        self._lead_read = 0
        self.file = file

    @property
    def at_file(self) -> bool:
        """Whether what was read ends where `file` begins."""
        return self._lead_read == len(self._lead) and self.file.tell() == 0

    def read(self, size: int) -> bytes:
        """Some bytes more, at most `size`; none at the end.

        The lead's last byte comes alone: what a parser finds complete only then ended with the lead, not within it.
        """
        left = len(self._lead) - self._lead_read
        if not left:
            return self.file.read(size)
        begin, count = self._lead_read, min(size, max(1, left - 1))
        self._lead_read += count
        return self._lead[begin : begin + count]
