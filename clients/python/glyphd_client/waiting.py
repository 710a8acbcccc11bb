"""Waiting for an import to end, however long that takes."""

import time
from collections.abc import Callable

from glyphd_client.errors import ImportFailed, StillRunning
from glyphd_client.statuses import ImportStatus

HELD_SECONDS = 20
"""How long the service may hold the answer: less than the time-out of any usual proxy."""

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 1.0
LONGER = 1.5

SERVICES_FAULTS = frozenset(
    {"worker_lost", "internal_error", "archive_damaged", "too_large_for_disk"}
)
"""Why an import can fail although its file is fine."""

Ask = Callable[[int], ImportStatus]
"""Asks for the status; the service may hold its answer for so many seconds, until it changes."""

OnProgress = Callable[[ImportStatus], None]


def wait_until_final(
    ask: Ask,
    status: ImportStatus,
    *,
    timeout: float | None = None,
    on_progress: OnProgress | None = None,
) -> ImportStatus:
    """The final status. Raises StillRunning when `timeout` seconds are over.

    With `on_progress` it asks at least once a second, otherwise only when something has changed.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    pause = FIRST_PAUSE_SECONDS
    while True:
        if on_progress is not None:
            on_progress(status)
        if status.is_final:
            return status
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise StillRunning(f"import {status.import_id} is still {status.status}", status)
        held = 0 if on_progress is not None else HELD_SECONDS
        asked = time.monotonic()
        status = ask(held if left is None else min(held, max(int(left), 0)))
        # An answer may come at once although nothing has changed: others are waiting already.
        rest = pause - (time.monotonic() - asked)
        if not status.is_final and rest > 0:
            time.sleep(rest if left is None else min(rest, left))
        pause = min(pause * LONGER, LONGEST_PAUSE_SECONDS)


def is_services_fault(status: ImportStatus) -> bool:
    """Whether the import failed, and may succeed if it is run again."""
    return status.error is not None and status.error.code in SERVICES_FAULTS


def require_rows(status: ImportStatus) -> ImportStatus:
    """The status, if the import has succeeded and counts. Raises ImportFailed otherwise."""
    if status.error is not None:
        raise ImportFailed(status.error.code, status.error.message, status)
    if status.status != "succeeded":
        raise ImportFailed(status.status, f"import {status.import_id} was {status.status}", status)
    if status.rolled_back_at is not None:
        when = status.rolled_back_at.isoformat(timespec="seconds")
        detail = f"import {status.import_id} was rolled back at {when}; restore it, or push the "
        raise ImportFailed("rolled_back", f"{detail}file with another key", status)
    return status
