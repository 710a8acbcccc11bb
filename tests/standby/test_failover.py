"""A standby replaces the primary, and no process has to be restarted."""

import os
import time
from types import SimpleNamespace

import pytest

from glyphd.contracts.import_contracts import ImportStatus
from glyphd.db.registry_models import Job
from glyphd.importing.claims import ClaimLost
from glyphd.importing.unrecorded import SETTLED_SECONDS
from tests.e2e.processes import until
from tests.postgres_pair import PostgresPair
from tests.service import Service, offers
from tests.standby.conftest import is_on_standby
from worker import orphans
from worker.orphans import HASTE_SECONDS, HASTY_SECONDS, OrphanSearch

ROWS = tuple(f"L4,{price},0.7,EU,Acme {price},2025-07-29" for price in range(1, 50))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time for the search, as the only item of a list."""
    now = [100.0]
    monkeypatch.setattr(orphans, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_a_promoted_standby_has_all_and_takes_all(reader: Service, pair: PostgresPair) -> None:
    before = reader.import_csv(offers(*ROWS))
    accepted = reader.upload(offers(*ROWS[:3])).json["import_id"]
    search = OrphanSearch(reader.services)
    search.look()
    pair.primary.kill()
    pair.promote()
    # 1. Accepted uploads are imported, and reads work again, on new connections.
    reader.work()
    assert reader.status(accepted)["status"] == "succeeded"
    assert len(reader.listings(f"?import_id={before['import_id']}")) == len(ROWS)
    assert reader.import_csv(offers(*ROWS[:2]))["record_count"] == 2
    # 2. An upload whose row did not reach the standby, as if replication were asynchronous.
    lost = reader.upload(offers(*ROWS[:4]), Idempotency_Key="a").json["import_id"]
    _lose(reader, lost)
    search.look()
    replayed = reader.upload(offers(*ROWS[:4]), Idempotency_Key="a")
    assert (replayed.json["import_id"], replayed.headers["Idempotent-Replayed"]) == (lost, "true")
    reader.work()
    assert reader.status(lost)["record_count"] == 4
    # 3. Reads use a new standby.
    pair.renew_standby()
    pair.catch_up()
    until(lambda: is_on_standby(reader))
    assert len(reader.listings(f"?import_id={lost}")) == 4


def test_a_worker_that_starts_looks_often_and_then_rarely(
    reader: Service, clock: list[float]
) -> None:
    """The worker that noticed a failover may have died since then."""
    search = OrphanSearch(reader.services)
    search.look()
    lost = reader.upload(offers(*ROWS)).json["import_id"]
    _lose(reader, lost)
    search.look()
    assert reader.services.registry.find_import(lost) is None
    clock[0] += HASTY_SECONDS
    search.look()
    assert reader.services.registry.find_import(lost) is not None

    clock[0] += HASTE_SECONDS
    search.look()
    _lose(reader, lost)
    clock[0] += HASTY_SECONDS
    search.look()
    assert reader.services.registry.find_import(lost) is None


def test_an_upload_that_is_just_being_accepted_is_left_alone(
    reader: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = reader.upload(offers(*ROWS)).json["import_id"]
    _lose(reader, lost, age=0)
    OrphanSearch(reader.services).look()
    assert reader.services.registry.find_import(lost) is None


def test_no_success_is_recorded_without_the_rows(reader: Service) -> None:
    """The batch was committed on a primary whose last moments are lost, and the worker did not
    notice."""
    registry = reader.services.registry
    import_id = reader.upload(offers(*ROWS)).json["import_id"]
    job = registry.find_import(import_id)
    assert job is not None
    claim = registry.claim(job.id)
    assert claim is not None
    with pytest.raises(ClaimLost):
        registry.update_claimed(claim, status=ImportStatus.SUCCEEDED)
    reader.work()
    assert reader.status(import_id)["record_count"] == len(ROWS)


def test_a_claim_holds_for_its_import_alone(reader: Service) -> None:
    """The number of a lost job may be given to another one."""
    registry = reader.services.registry
    import_id = reader.upload(offers(*ROWS)).json["import_id"]
    job = registry.find_import(import_id)
    assert job is not None
    claim = registry.claim(job.id)
    assert claim is not None
    claim.job.import_id = "another"
    with pytest.raises(ClaimLost):
        registry.update_claimed(claim, progress=0.5)


def _lose(service: Service, import_id: str, age: float = 2 * SETTLED_SECONDS) -> None:
    """Deletes the job's row, and makes its upload `age` seconds old."""
    database = service.services.registry.database
    with database.connection_context():
        database.execute(Job.delete().where(Job.import_id == import_id))
    moment = time.time() - age
    for path in service.settings.uploads_dir.glob(f"{import_id}.*"):
        os.utime(path, (moment, moment))
