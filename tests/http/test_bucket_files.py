"""Files in a bucket over HTTP: they are sent in parts, copied only as far as requested, and refused
politely while the bucket is down."""

from typing import Any

import pytest

from glyphd.errors import UploadsUnavailable
from glyphd.settings import Settings
from glyphd.uploads.bucket_client import BucketClient
from tests.bucket_server import BUCKET, SECRET
from tests.service import Service, offers, open_service, problem

CSV = offers(*(f"L4,{price},0.7,EU,Acme,2025-07-29" for price in range(1000, 1200)))
REASON = "Error performing GET http://storage.internal:9000/glyphd/key"


@pytest.fixture
def way() -> str:
    return "shared"


@pytest.fixture
def file(service: Service) -> str:
    """The path of a kept file."""
    return str(service.import_csv(CSV)["links"]["file"])


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths of all reads."""
    found: list[int] = []
    read = BucketClient.read

    def noted(client: BucketClient, name: str, start: int, length: int) -> memoryview:
        found.append(length)
        return read(client, name, start, length)

    monkeypatch.setattr(BucketClient, "read", noted)
    return found


def _fail(monkeypatch: pytest.MonkeyPatch, *methods: str) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise UploadsUnavailable("the bucket for uploads does not answer", reason=REASON)

    for method in methods:
        monkeypatch.setattr(BucketClient, method, fail)


def test_a_part_is_sent_alone(service: Service, file: str) -> None:
    answer = service.http.get(file, headers={"Range": "bytes=10-29"})
    assert (answer.status_code, answer.body) == (206, CSV.encode()[10:30])
    assert answer.headers["Content-Range"] == f"bytes 10-29/{len(CSV)}"
    rest = service.http.get(
        file, headers={"Range": "bytes=10-", "If-Range": answer.headers["ETag"]}
    )
    assert rest.body == CSV.encode()[10:]


def test_a_part_beyond_the_end_is_refused(service: Service, file: str) -> None:
    answer = service.http.get(file, headers={"Range": "bytes=99999-"}, status=416)
    assert answer.headers["Content-Range"] == f"bytes */{len(CSV)}"


def test_a_head_reads_nothing(service: Service, file: str, reads: list[int]) -> None:
    answer = service.http.head(file)
    assert (answer.headers["Content-Length"], answer.body) == (str(len(CSV)), b"")
    assert reads == []


def test_many_readers_share_one_copy(service: Service, file: str, reads: list[int]) -> None:
    assert service.http.get(file).body == service.http.get(file).body == CSV.encode()
    assert len(reads) == 1


def test_a_kept_tag_reads_nothing(service: Service, file: str, reads: list[int]) -> None:
    tag = service.http.get(file).headers["ETag"]
    reads.clear()
    service.http.get(file, headers={"If-None-Match": tag}, status=304)
    assert reads == []


def test_a_missing_file_is_told(service: Service, file: str) -> None:
    service.services.uploads.delete(file.split("/")[-2] + ".csv")
    assert service.refusal(file, 500)["code"] == "source_missing"


def test_an_upload_that_can_not_be_kept_is_refused_and_nothing_stays(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as failing:
        _fail(failing, "send")
        answer = service.http.post(
            "/api/import", CSV, headers={"Content-Type": "text/csv"}, status=503
        )
    said = problem(answer)
    assert (said["code"], answer.headers["Retry-After"]) == ("uploads_unavailable", "5")
    assert not any(word in answer.text for word in ("storage.internal", BUCKET + "/", SECRET))
    assert service.kept() == []


def test_an_upload_without_its_manifest_is_refused_and_nothing_stays(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as failing:
        _fail(failing, "put")
        service.http.post("/api/import", CSV, headers={"Content-Type": "text/csv"}, status=503)
    assert (service.kept(), service.http.get("/api/imports").json) == ([], [])


def test_an_import_waits_for_a_bucket_that_is_away(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_id = service.upload(CSV).json["import_id"]
    with monkeypatch.context() as failing:
        _fail(failing, "read", "size")
        service.work()
        status = service.status(import_id)
    assert (status["status"], status["reason"]) == (
        "queued",
        "the bucket for uploads does not answer",
    )
    service.alter(import_id, not_before=None)
    service.work()
    assert service.status(import_id)["status"] == "succeeded"


def test_an_import_ends_though_old_errors_can_not_be_removed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_id = service.upload(CSV).json["import_id"]
    service.alter(import_id, attempt=1)
    with monkeypatch.context() as failing:
        _fail(failing, "delete")
        service.work()
    assert service.status(import_id)["status"] == "succeeded"


def test_ready_says_that_the_bucket_is_away(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert service.http.get("/api/ready", status="*").json["checks"]["uploads"] == "ok"
    _fail(monkeypatch, "read_all")
    found = service.http.get("/api/ready", status=503).json["checks"]["uploads"]
    assert found == "the bucket for uploads does not answer"


def test_machines_with_folders_of_their_own_say_so(shared_settings: Settings) -> None:
    one = open_service(shared_settings.model_copy(update={"upload_url": None}))
    elsewhere = shared_settings.data_dir.with_name("elsewhere")
    other = open_service(one.settings.model_copy(update={"data_dir": elsewhere}))
    import_id = one.upload(CSV).json["import_id"]
    assert one.http.get("/api/ready", status="*").json["checks"]["uploads"] == "ok"
    found = other.http.get("/api/ready", status=503).json["checks"]["uploads"]
    assert found.startswith(f"the kept file of import {import_id} is not in this machine's folder")
    other.work()
    assert other.status(import_id)["reason"] == f"the kept file of import {import_id} is missing"
