"""A bucket that hangs while an import reads from it: the import waits, and says why."""

from contextlib import ExitStack
from datetime import timedelta

import pytest

from glyphd.uploads import bucket_client
from glyphd.uploads.bucket_client import PATIENT_CLIENT, BucketClient
from glyphd.uploads.bucket_files import FIRST_BLOCK_BYTES
from tests.bucket_server import BucketServer
from tests.service import Service, offers, open_service

CSV = offers(*(f"L4,{price},0.7,EU,Acme {price},2025-07-29" for price in range(1000, 9000)))


@pytest.fixture
def way() -> str:
    return "shared"


@pytest.fixture
def elsewhere(service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """Another machine, which waits two seconds for the bucket instead of a minute."""
    monkeypatch.setattr(bucket_client, "PATIENT_CLIENT", PATIENT_CLIENT | {"timeout": "2s"})
    once = {"max_retries": 0, "retry_timeout": timedelta(seconds=2)}
    monkeypatch.setattr(bucket_client, "PATIENT_RETRIES", once)
    folder = service.settings.data_dir.with_name("elsewhere")
    return open_service(service.settings.model_copy(update={"data_dir": folder}))


def test_an_import_waits_for_a_bucket_that_hangs_under_it(
    service: Service,
    elsewhere: Service,
    bucket_server: BucketServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert len(CSV) > FIRST_BLOCK_BYTES
    import_id = service.upload(CSV).json["import_id"]
    read, starts = BucketClient.read, list[int]()

    with ExitStack() as until_thawed:

        def read_and_freeze(client: BucketClient, name: str, start: int, length: int) -> memoryview:
            found = read(client, name, start, length)
            starts.append(start)
            until_thawed.enter_context(bucket_server.frozen())
            return found

        monkeypatch.setattr(BucketClient, "read", read_and_freeze)
        elsewhere.work()
        waiting = service.status(import_id)
    assert starts == [0]
    assert (waiting["status"], waiting["attempt"], waiting["error"], waiting["reason"]) == (
        "queued",
        1,
        None,
        "the bucket for uploads does not answer as it should",
    )
    monkeypatch.setattr(BucketClient, "read", read)
    service.alter(import_id, not_before=None)
    service.work()
    ended = service.status(import_id)
    assert (ended["status"], ended["record_count"]) == ("succeeded", 8000)
