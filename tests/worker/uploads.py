"""Upload stores in which something happens when the worker opens a file."""

from collections.abc import Callable
from typing import Any, BinaryIO

from glyphd.settings import Settings
from glyphd.uploads.opening import open_uploads


class EventfulUploads:
    """The store of these settings. Before it opens a file it runs an action, which may raise, or do
    what another process might do at that moment."""

    def __init__(self, settings: Settings, event: Callable[[], object]) -> None:
        self._uploads = open_uploads(settings)
        self._event = event

    def open(self, name: str) -> BinaryIO:
        self._event()
        return self._uploads.open(name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._uploads, name)


def failing(settings: Settings, error: BaseException) -> EventfulUploads:
    """A store whose files can't be opened because of this error."""

    def fail() -> None:
        raise error

    return EventfulUploads(settings, fail)
