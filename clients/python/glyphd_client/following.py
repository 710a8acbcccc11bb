"""Pushing a file and following its import, with its progress on display."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from glyphd_client.client import Client
from glyphd_client.command_options import Session
from glyphd_client.errors import ClientError, ImportFailed, StillRunning, TryLater
from glyphd_client.options import PushOptions
from glyphd_client.outcomes import Outcome
from glyphd_client.progress_views import ProgressView
from glyphd_client.statuses import ImportStatus
from glyphd_client.waiting import require_rows


@dataclass(frozen=True)
class Patience:
    """Whether to wait for the end of an import, and for how many seconds at most."""

    is_waiting: bool
    timeout: float | None = None


class Interrupted(Exception):
    """Ctrl-C. `import_id` is the import that goes on, if the service has confirmed one."""

    def __init__(self, import_id: str | None) -> None:
        super().__init__(import_id)
        self.import_id = import_id


class Follower:
    """Pushes and follows on behalf of one run of a command."""

    def __init__(self, session: Session, client: Client, patience: Patience) -> None:
        self._session = session
        self._client = client
        self._patience = patience
        self._import_id: str | None = None

    def push(self, file: Path, name: str, options: PushOptions) -> Outcome:
        """Raises Interrupted."""
        with self._view(name) as view:
            try:
                watched: PushOptions = {**options, "on_sent": view.sent}
                pushed = self._client.push(file, **watched)
            except ClientError as error:
                return Outcome(name, error=error)
            return self._outcome(name, view, pushed.status, is_replayed=pushed.is_replayed)

    def follow(self, import_id: str) -> Outcome:
        """Raises Interrupted, and ClientError if there is no such import."""
        with self._view(import_id) as view:
            return self._outcome(import_id, view, self._client.status(import_id))

    def _outcome(
        self, name: str, view: ProgressView, status: ImportStatus, *, is_replayed: bool = False
    ) -> Outcome:
        self._import_id = status.import_id
        try:
            status = self._ended(view, status)
        except (ImportFailed, StillRunning) as error:
            return Outcome(name, error.status, error, is_replayed)
        except TryLater as error:
            return Outcome(name, status, error, is_replayed)
        return Outcome(name, status, None, is_replayed)

    def _ended(self, view: ProgressView, status: ImportStatus) -> ImportStatus:
        if status.is_final:
            return require_rows(status)
        if not self._patience.is_waiting:
            raise StillRunning(f"import {status.import_id} is {status.status}", status)
        return self._client.wait(
            status.import_id, self._patience.timeout, on_progress=view.imported
        )

    @contextmanager
    def _view(self, name: str) -> Iterator[ProgressView]:
        self._import_id = None
        before = self._session.say
        try:
            with self._session.open_view(name) as view:
                self._session.say = view.say
                yield view
        except KeyboardInterrupt:
            raise Interrupted(self._import_id) from None
        finally:
            self._session.say = before
