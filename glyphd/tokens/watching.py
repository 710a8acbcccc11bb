"""Looks at the tokens twice a second, so that a server's loop can refuse a body without waiting for
a database."""

from threading import Event, Thread

import structlog

from glyphd.tokens.known_tokens import RENEWAL_SECONDS, KnownTokens

log = structlog.get_logger(__name__)


class TokenWatch:
    """Keeps what is known of tokens fresh while it runs."""

    def __init__(self, known: KnownTokens) -> None:
        self._known = known
        self._ended = Event()
        self._thread = Thread(target=self._look, name="token-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(RENEWAL_SECONDS):
            try:
                self._known.current()
            except Exception:
                log.warning("tokens_unknown", exc_info=True)
