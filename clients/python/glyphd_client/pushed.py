"""An import that was just pushed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from glyphd_client.statuses import ImportStatus
from glyphd_client.waiting import OnProgress

if TYPE_CHECKING:
    from glyphd_client.client import Client


@dataclass(frozen=True)
class PushedImport:
    """The file is safe with the service. `status` is the import as it was then; `is_replayed` says
    that an earlier push of the same bytes and options had created it."""

    client: Client
    status: ImportStatus
    is_replayed: bool = False

    @property
    def import_id(self) -> str:
        return self.status.import_id

    def wait(
        self, timeout: float | None = None, *, on_progress: OnProgress | None = None
    ) -> ImportStatus:
        """The status of the import when it has succeeded. Raises ImportFailed if it did not, and
        StillRunning after `timeout` seconds, if given."""
        return self.client.wait(self.import_id, timeout, on_progress=on_progress)
