"""Which sources send files, how often, and which of them have fallen silent.

A source is silent when its last success is clearly longer ago than usual: more than twice its usual
interval, a quarter more than the longest of its latest intervals, and an hour. The usual interval
is the median of the latest ten; with fewer than three nothing is usual. A source whose file is
waiting to be imported is not silent.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from peewee import SQL

from glyphd.contracts.import_contracts import ImportStatus
from glyphd.contracts.texts import fold_ascii
from glyphd.db.registry_models import Job
from glyphd.importing.import_figures import import_groups, waiting_imports
from glyphd.importing.job_queries import IMPORT, JobQueries
from glyphd.times import read_stored

MOST_INTERVALS = 10
FEWEST_INTERVALS = 3
SHORTEST_SILENCE = timedelta(hours=1)
SILENCE_LOOK_SECONDS = 60.0
"""How often API and workers look for silent sources; each silence is reported once."""

_SUCCEEDED = (
    Job.kind == IMPORT,
    Job.status == ImportStatus.SUCCEEDED,
    Job.dry_run == False,  # noqa: E712  # an expression of Peewee's
)


@dataclass(frozen=True)
class Success:
    """An import that succeeded."""

    job_id: int
    import_id: str
    finished_at: datetime


@dataclass(frozen=True)
class Rhythm:
    """The usual interval between two successes, and the interval after which a source counts as
    silent."""

    usual: timedelta
    longest: timedelta


@dataclass(frozen=True)
class SourceState:
    """A source that had a success, by its folded name, and since when it is silent, if it is."""

    source: str
    last_success: Success
    rhythm: Rhythm | None
    silent_since: datetime | None


def rhythm_of(moments: Sequence[datetime]) -> Rhythm | None:
    """The rhythm of these moments; None if there are too few."""
    intervals = [later - earlier for earlier, later in pairwise(sorted(moments))]
    if len(intervals) < FEWEST_INTERVALS:
        return None
    usual = timedelta(seconds=median(interval.total_seconds() for interval in intervals))
    return Rhythm(usual, max(2 * usual, 1.25 * max(intervals), SHORTEST_SILENCE))


def source_states(jobs: JobQueries, now: datetime) -> list[SourceState]:
    """Every source with a success, by name."""
    waiting = {job.source for job in waiting_imports(jobs)}
    return [
        _state(source, successes, now, is_waiting=source in waiting)
        for source, successes in sorted(_latest_successes(jobs).items())
    ]


def last_success(jobs: JobQueries, source: str) -> Success | None:
    """The state of one source, by its folded name."""
    found = _latest_successes(jobs).get(source)
    return found[0] if found else None


def last_imports(jobs: JobQueries) -> dict[str, Job]:
    """The latest import of each source, in any status, by the folded name."""
    latest: dict[str, int] = {}
    for group in import_groups(jobs):
        if group.source:
            latest[group.source] = max(latest.get(group.source, 0), group.last_id)
    query = Job.select().where(Job.id.in_(list(latest.values())))
    with jobs.connected():
        return {fold_ascii(job.source): job for job in query.bind(jobs.database)}


def _state(
    source: str, successes: Sequence[Success], now: datetime, *, is_waiting: bool
) -> SourceState:
    latest = successes[0]
    rhythm = rhythm_of([success.finished_at for success in successes])
    silent_since = None
    if rhythm is not None and not is_waiting and now - latest.finished_at > rhythm.longest:
        silent_since = latest.finished_at + rhythm.longest
    return SourceState(source, latest, rhythm, silent_since)


def _latest_successes(jobs: JobQueries) -> dict[str, list[Success]]:
    """The latest successes of each source, the latest first. Each spelling of a source is looked up
    in the index `jobs_by_source`."""
    found: dict[str, list[Success]] = {}
    with jobs.connected():
        for spelling in _spellings(jobs):
            query = (
                Job.select(Job.id, Job.import_id, Job.finished_at)
                .where(*_SUCCEEDED, Job.source == spelling)
                .order_by(Job.finished_at.desc())
                .limit(MOST_INTERVALS + 1)
            )
            rows = jobs.database.execute(query).fetchall()
            successes = [Success(job, name, read_stored(moment)) for job, name, moment in rows]
            found.setdefault(fold_ascii(spelling), []).extend(successes)
    return {source: _latest(successes) for source, successes in found.items() if successes}


def _latest(successes: list[Success]) -> list[Success]:
    ordered = sorted(successes, key=lambda success: success.finished_at, reverse=True)
    return ordered[: MOST_INTERVALS + 1]


def _spellings(jobs: JobQueries) -> Iterator[str]:
    query = Job.select(Job.source).where(Job.kind == IMPORT, SQL("source IS NOT NULL")).distinct()
    for (source,) in jobs.database.execute(query).fetchall():
        yield source
