"""Imports that wait for a worker, and their state in the registry."""

from glyphd.db.registry_models import Job
from tests.service import Service, offers

ROW = "L4,2400,0.7,EU,Acme,2025-07-29"
BAD_ROW = "L4,$2400,0.7,EU,Acme,2025-07-29"


def queue_import(service: Service, *rows: str, query: str = "") -> Job:
    """A queued import of these rows, by default of one good row."""
    import_id = service.upload(offers(*rows or (ROW,)), query).json["import_id"]
    return job_of(service, import_id)


def job_of(service: Service, import_id: str) -> Job:
    job = service.services.registry.find_import(import_id)
    assert job is not None
    return job
