"""The speed of an import and its remaining time, estimated from its status."""

from dataclasses import dataclass
from datetime import timedelta

from glyphd.contracts.import_contracts import ImportStatus, ImportView
from glyphd.times import read_stored

LEAST_SECONDS = 1.0
LEAST_PROGRESS = 0.02
"""Below these an estimate would be a guess."""


@dataclass(frozen=True)
class Pace:
    """Durations in seconds; None if there is no reliable estimate."""

    elapsed: float | None = None
    rows_per_second: float | None = None
    seconds_left: float | None = None


def pace_of(view: ImportView) -> Pace:
    """The pace of a running import up to its last heartbeat, or of a finished one as a whole.

    An import with more than one attempt has none, because the start of its last attempt is not
    known. Nor has a stalled one.
    """
    until = view.finished_at or view.heartbeat_at
    if view.started_at is None or until is None or view.attempt != 1 or view.stalled:
        return Pace()
    elapsed = (read_stored(until) - read_stored(view.started_at)) / timedelta(seconds=1)
    if elapsed < LEAST_SECONDS:
        return Pace(max(elapsed, 0.0))
    if view.status.is_final:
        return Pace(elapsed, view.rows_read / elapsed)
    if view.progress < LEAST_PROGRESS:
        return Pace(elapsed)
    return Pace(
        elapsed, _reading_rate(view, elapsed), elapsed * (1 - view.progress) / view.progress
    )


def _reading_rate(view: ImportView, elapsed: float) -> float | None:
    """The rate at which rows are read; None while rows are written, because their number does not
    change then."""
    return view.rows_read / elapsed if view.phase == "reading" else None


def state_of(view: ImportView) -> str:
    """The state of an import as one word, which is also a class of the style sheet."""
    if view.stalled:
        return "stalled"
    if view.rolled_back_at is not None:
        return "rolled back"
    if view.dry_run and view.status == ImportStatus.SUCCEEDED:
        return "checked"
    return str(view.status)
