"""What the registry knows about the imports around one: its rollbacks and restores, and what its
source sent before.

The caller holds the registry's connection.
"""

from collections.abc import Mapping
from typing import Any

from peewee import Database, fn

from glyphd.db.dialects import caseless
from glyphd.db.registry_models import Job
from glyphd.importing.import_filters import IMPORT_FILTERS, conditions
from glyphd.importing.job_queries import COUNTS, IMPORT, IS_CHANGE

_RECENT_JOBS = 1000
"""Sources are collected from this many of the latest jobs, because reading all of them would take
long."""


def changes_of(registry: Database, job: Job) -> list[Job]:
    """The rollbacks and restores of an import, finished or not, the latest first."""
    its_own = IS_CHANGE & (Job.import_id == job.import_id)
    return list(Job.select().where(its_own).order_by(Job.id.desc()).bind(registry))


def import_before(registry: Database, job: Job) -> Job | None:
    """The latest earlier import of the same source, or of none, that has rows and counts."""
    source = Job.source.is_null()
    if job.source is not None:
        source = IMPORT_FILTERS["source"](registry, job.source)
    earlier = Job.select().where(Job.id < job.id, source, *COUNTS).order_by(Job.id.desc())
    found: Job | None = earlier.bind(registry).first()
    return found


def imports_after(
    registry: Database, wanted: Mapping[str, Any], after: int, limit: int
) -> list[int]:
    """The numbers of the jobs of later matching imports, the nearest first."""
    fitting = (Job.kind == IMPORT, Job.id > after, *conditions(registry, wanted))
    return [
        row[0]
        for row in registry.execute(
            Job.select(Job.id).where(*fitting).order_by(Job.id).limit(limit)
        )
    ]


def recent_sources(registry: Database, limit: int) -> list[str]:
    """The recently used sources, the latest first; each once, even if spelled in different ways."""
    latest = Job.select(fn.MAX(Job.id)).bind(registry).scalar() or 0
    query = (
        Job.select(fn.MAX(Job.source))
        .where(Job.kind == IMPORT, Job.id > latest - _RECENT_JOBS, ~Job.source.is_null())
        .group_by(caseless(registry, Job.source))
        .order_by(fn.MAX(Job.id).desc())
        .limit(limit)
    )
    return [row[0] for row in registry.execute(query)]
