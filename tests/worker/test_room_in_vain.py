"""An import that is too large for the free space, try after try, ends with a code of its own; on a
full disk it keeps waiting."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from glyphd.settings import MIB, Settings
from tests.chaos.disks import SmallDisk, small_disk
from tests.importing.jobs import from_now
from tests.service import Service, offers, open_service
from worker.resting import MOST_TRIES_FOR_ROOM

DISK_BYTES = 48 * MIB
RESERVE = 8 * MIB
FREE_BESIDE_RESERVE = 2 * MIB
SMALL = offers("L4,2400,0.7,EU,Acme,2025-07-29")
MIDDLING = offers(*(f"L4,{price},0.7,EU,Acme {price},2025-07-29" for price in range(1, 30_000)))
"""It needs more space than is free, and less than half of what the disk could offer."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", DISK_BYTES) as mounted:
        yield mounted


@pytest.fixture
def crowded(disk: SmallDisk) -> Service:
    """A service on a disk that will be almost full."""
    service = open_service(Settings(data_dir=disk.folder / "data", disk_reserve_bytes=RESERVE))
    service.import_csv(SMALL)
    return service


def _try(service: Service, import_id: str, times: int) -> None:
    for _ in range(times):
        service.alter(import_id, not_before=from_now(-1))
        service.work()


def _waiting(service: Service, disk: SmallDisk) -> str:
    """An import that found no space and has only two tries left."""
    import_id: str = service.upload(MIDDLING).json["import_id"]
    disk.fill(leave=RESERVE + FREE_BESIDE_RESERVE)
    service.work()
    assert "too little space" in service.status(import_id)["reason"]
    service.alter(import_id, handback_count=MOST_TRIES_FOR_ROOM - 2)
    return import_id


def test_it_ends_while_others_succeed(crowded: Service, disk: SmallDisk) -> None:
    import_id = _waiting(crowded, disk)
    _try(crowded, import_id, 1)
    assert crowded.import_csv(SMALL)["status"] == "succeeded"
    assert crowded.status(import_id)["status"] == "queued"
    _try(crowded, import_id, 1)
    status = crowded.status(import_id)
    assert (status["status"], status["error"]["code"]) == ("failed", "too_large_for_disk")
    assert f"{MOST_TRIES_FOR_ROOM} attempts" in status["error"]["message"]
    disk.free()
    again = crowded.http.post(f"/api/imports/{import_id}/retry").json["import_id"]
    crowded.work()
    assert crowded.status(again)["status"] == "succeeded"


def test_it_waits_as_long_as_nobody_succeeds(crowded: Service, disk: SmallDisk) -> None:
    import_id = _waiting(crowded, disk)
    for import_of_before in crowded.http.get("/api/imports?status=succeeded").json:
        crowded.alter(import_of_before["import_id"], finished_at=from_now(-3600))
    _try(crowded, import_id, 3)
    assert crowded.status(import_id)["status"] == "queued"
    disk.free()
    _try(crowded, import_id, 1)
    assert crowded.status(import_id)["status"] == "succeeded"


def test_tries_that_met_other_trouble_do_not_count(crowded: Service, disk: SmallDisk) -> None:
    import_id = _waiting(crowded, disk)
    crowded.alter(
        import_id,
        handback_count=MOST_TRIES_FOR_ROOM,
        reason="the connection to the database was lost",
    )
    assert crowded.import_csv(SMALL)["status"] == "succeeded"
    _try(crowded, import_id, 2)
    assert crowded.status(import_id)["status"] == "queued"
