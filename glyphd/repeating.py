"""Work that the API's process repeats in the background."""

from collections.abc import Callable
from threading import Event, Thread
from types import TracebackType

import structlog

log = structlog.get_logger(__name__)


class Repeating:
    """Calls an action immediately and then every `seconds`, in a separate thread, while its `with`
    block runs.

    An action that fails is logged under `failure` and called again after the same time.
    """

    def __init__(self, action: Callable[[], object], seconds: float, *, failure: str) -> None:
        self._action = action
        self._seconds = seconds
        self._failure = failure
        self._ended = Event()
        self._thread = Thread(target=self._repeat, name=failure, daemon=True)

    def __enter__(self) -> "Repeating":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _repeat(self) -> None:
        while not self._ended.is_set():
            try:
                self._action()
            except Exception:
                log.warning(self._failure, exc_info=True)
            self._ended.wait(self._seconds)
