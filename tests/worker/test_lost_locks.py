"""A database server that restarts releases the locks of all attempts; no attempt counts as lost for
that."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from glyphd.db.connections import close_all, open_archive
from glyphd.db.registry_models import Job
from glyphd.services import build_services
from glyphd.settings import Settings
from glyphd.uploads import UploadStore
from tests.postgres_server import PostgresServer, restartable_server
from tests.service import Service, offers, open_service
from tests.worker.uploads import EventfulUploads
from worker.context import WorkerContext
from worker.run_job import run_job

ROWS = tuple(f"L4,{price},0.7,EU,Acme {price},2025-07-29" for price in range(1, 500))


def _job(service: Service, import_id: str) -> Job:
    job = service.services.registry.find_import(import_id)
    assert job is not None
    return job


@contextmanager
def _worker(settings: Settings, uploads: UploadStore | None = None) -> Iterator[WorkerContext]:
    services = build_services(settings)
    services.uploads = uploads or services.uploads
    archive = open_archive(settings, read_only=False)
    yield WorkerContext(services, archive, Event())
    for database in (archive, services.archive, services.registry.database):
        close_all(database)


def _restarted_and_taken_up(server: PostgresServer, service: Service, job_id: int) -> None:
    """Restarts the server; another worker takes the job over before the first one notices."""

    def take_up() -> None:
        with _worker(service.settings) as other:
            run_job(other, job_id)

    server.stop(signal.SIGINT)
    server.start()
    worker = Thread(target=take_up)
    worker.start()
    worker.join()


def test_an_attempt_whose_worker_lives_is_not_lost(tmp_path: Path) -> None:
    with restartable_server() as server:
        service = open_service(Settings(data_dir=tmp_path / "data", database_url=server.url))
        import_id = service.upload(offers(*ROWS)).json["import_id"]
        job_id = _job(service, import_id).id
        uploads = EventfulUploads(
            service.settings, lambda: _restarted_and_taken_up(server, service, job_id)
        )
        with _worker(service.settings, uploads) as first:
            run_job(first, job_id)
        job = _job(service, import_id)
        assert (job.status, job.attempt, job.lost_count, job.record_count) == (
            "succeeded",
            2,
            0,
            len(ROWS),
        )
        assert len(service.listings(f"?import_id={import_id}")) == len(ROWS)
        for database in (service.services.archive, service.services.registry.database):
            close_all(database)
