"""Runs the queued jobs in the calling process: for tests, scripts, and `worker --once`."""

from threading import Event

from glyphd.db.connections import close_all, open_archive_for_imports
from glyphd.services import Services
from worker.context import WorkerContext
from worker.run_job import run_job


def run_pending(services: Services) -> int:
    """Runs every unfinished job that no other process is running, oldest first; returns how many
    jobs it tried."""
    context = WorkerContext(services, open_archive_for_imports(services.settings), Event())
    jobs = services.registry.unfinished()
    try:
        for job in jobs:
            run_job(context, job.id)
    finally:
        context.reader.close()
        close_all(context.archive)
    return len(jobs)
