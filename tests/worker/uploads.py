"""Upload stores in which something happens when the worker opens a file."""

from collections.abc import Callable
from typing import BinaryIO

from glyphd.settings import Settings
from glyphd.uploads import LocalUploads


class EventfulUploads(LocalUploads):
    """Does something before it opens a file: raise, or what another process might do at that
    moment."""

    def __init__(self, settings: Settings, event: Callable[[], object]) -> None:
        super().__init__(settings.uploads_dir)
        self._event = event

    def open(self, name: str) -> BinaryIO:
        self._event()
        return super().open(name)


def failing(settings: Settings, error: BaseException) -> EventfulUploads:
    """A store whose files can't be opened for this reason."""

    def fail() -> None:
        raise error

    return EventfulUploads(settings, fail)
