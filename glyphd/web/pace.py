"""How fast an import goes and how long it still takes, as far as its status tells."""

from dataclasses import dataclass
from datetime import timedelta

from glyphd.contracts.import_contracts import ImportStatus, ImportView
from glyphd.times import read_stored

LEAST_SECONDS = 1.0
LEAST_PROGRESS = 0.02
"""Below these an estimate would be a guess."""


@dataclass(frozen=True)
class Pace:
    """Durations in seconds; None where nothing honest can be said."""

    elapsed: float | None = None
    rows_per_second: float | None = None
    seconds_left: float | None = None


def pace_of(view: ImportView) -> Pace:
    """Of a running import as of its last heartbeat, of a finished one over all of it.

    An import that was taken up more than once began again: since when it is read is not known then.
    One that has stalled has no pace, for nothing moves.
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
    """While the rows are written none is read: their number stands still, and is no rate any
    more."""
    return view.rows_read / elapsed if view.phase == "reading" else None


def state_of(view: ImportView) -> str:
    """The one word for where an import stands, which is also a class of the style sheet."""
    if view.stalled:
        return "stalled"
    if view.rolled_back_at is not None:
        return "rolled back"
    if view.dry_run and view.status == ImportStatus.SUCCEEDED:
        return "checked"
    return str(view.status)
