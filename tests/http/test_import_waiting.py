"""`POST /api/import`: how long the answer is delayed, and what it then says."""

import time
from threading import Event, Thread
from typing import BinaryIO

import pytest

from glyphd.api import upload_routes
from glyphd.api.waiting import Waiting
from glyphd.db.registry_models import Job
from glyphd.importing.registry import Registry
from glyphd.uploads import LocalUploads
from tests.service import Service, StartService, offers, problem

CSV = offers("RTX_A6000,4500,0.9,USA,Acme,2025-07-29T12:00:00Z")
BAD_ROW = offers("RTX_A6000,$4500,0.9,USA,Acme,2025-07-29T12:00:00Z")
OPEN_QUOTE = offers('RTX_A6000,4500,0.9,USA,"Acme,2025-07-29T12:00:00Z')
LONG = "60"


class HeldRegistry(Registry):
    """A registry that delays the first request for a job."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(registry.database)
        self.asked, self.released = Event(), Event()

    def job(self, job_id: int) -> Job | None:
        if not self.asked.is_set():
            self.asked.set()
            self.released.wait(float(LONG))
        return super().job(job_id)


class LostUploads(LocalUploads):
    """A store whose files can no longer be read."""

    def open(self, name: str) -> BinaryIO:
        raise RuntimeError("a secret of the inside")


@pytest.fixture
def patient_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second is long for a worker, but not on every machine that runs tests."""
    monkeypatch.setattr(upload_routes, "SMALL_GRACE_SECONDS", float(LONG))


@pytest.mark.usefixtures("patient_grace")
def test_a_small_upload_has_usually_succeeded_by_the_answer(live_service: Service) -> None:
    answer = live_service.upload(CSV)
    assert (answer.status_code, answer.json["status"]) == (202, "succeeded")
    assert len(live_service.listings(f"?import_id={answer.json['import_id']}")) == 1


@pytest.mark.usefixtures("patient_grace")
def test_a_small_upload_that_fails_is_202_too(live_service: Service) -> None:
    answer = live_service.upload(BAD_ROW)
    assert (answer.status_code, answer.json["status"]) == (202, "failed")


@pytest.mark.usefixtures("patient_grace")
@pytest.mark.parametrize(
    ("rows", "waiting"), [(1, 1), (10_000, 0)], ids=["a busy queue", "a large upload"]
)
def test_others_are_answered_at_once(service: Service, rows: int, waiting: int) -> None:
    service.greet()
    for _ in range(waiting):
        service.upload(CSV, Prefer="respond-async")
    began = time.monotonic()
    answer = service.upload(offers(*CSV.splitlines()[1:] * rows))
    assert answer.json["status"] == "queued"
    assert time.monotonic() - began < float(LONG) / 2


def test_respond_async_answers_at_once(service: Service) -> None:
    service.greet()
    answer = service.upload(CSV, Prefer="Respond-Async, handling=strict; wait=60")
    assert (answer.status_code, answer.json["status"]) == (202, "queued")


@pytest.mark.parametrize(
    "prefer",
    [
        "wait=60",
        'WAIT = "60"',
        "respond-async, wait=60",
        "wait=60, respond-async",
        f"wait={10**20}",
    ],
)
def test_who_waits_is_told_of_success(live_service: Service, prefer: str) -> None:
    answer = live_service.upload(CSV, Prefer=prefer)
    assert (answer.status_code, answer.json["status"], answer.json["record_count"]) == (
        200,
        "succeeded",
        1,
    )


@pytest.mark.parametrize(
    ("csv", "code"),
    [(BAD_ROW, "invalid_rows"), (OPEN_QUOTE, "unreadable_file")],
    ids=["a row", "the file"],
)
def test_who_waits_is_told_that_the_file_is_at_fault(
    live_service: Service, csv: str, code: str
) -> None:
    headers = {"Content-Type": "text/csv", "Prefer": f"wait={LONG}"}
    answer = live_service.post("/api/import", csv, headers, status=422)
    found = problem(answer)
    assert (found["code"], found["import"]["status"]) == (code, "failed")
    assert found["import"] == live_service.status(found["import"]["import_id"])
    assert answer.headers["Location"] == found["import"]["links"]["self"]


def test_a_problem_with_rows_has_them_as_errors(live_service: Service) -> None:
    headers = {"Content-Type": "text/csv", "Prefer": f"wait={LONG}"}
    answer = live_service.post("/api/import", BAD_ROW, headers, status=422)
    assert [(error["line"], error["field"], error["value"]) for error in answer.json["errors"]] == [
        (2, "price_usd", "$4500")
    ]


def test_who_waits_is_told_that_the_service_is_at_fault(service: Service) -> None:
    service.services.uploads = LostUploads(service.settings.uploads_dir)
    headers = {"Content-Type": "text/csv", "Prefer": f"wait={LONG}"}
    with service.live_worker():
        found = problem(service.post("/api/import", CSV, headers, status=500))
    assert (found["code"], found["import"]["error"]["code"]) == ("internal_error", "internal_error")
    assert "secret" not in found["detail"]


def test_who_waits_in_vain_gets_202(service: Service) -> None:
    service.greet()
    answer = service.upload(CSV, Prefer="wait=1")
    assert (answer.status_code, answer.json["status"]) == (202, "queued")
    assert answer.headers["Retry-After"] == "1"


def test_nobody_waits_for_a_worker_that_is_not_there(service: Service) -> None:
    answer = service.upload(CSV, Prefer=f"wait={LONG}")
    assert (answer.status_code, answer.json["status"]) == (202, "queued")


def test_beyond_half_of_the_threads_nobody_waits(start_service: StartService) -> None:
    service = start_service(threads=2)
    service.greet()
    job = service.services.registry.find_import(
        service.upload(CSV, Prefer="respond-async").json["import_id"]
    )
    assert job is not None
    held = HeldRegistry(service.services.registry)
    waiting = Waiting(held, threads=2)
    first = Thread(target=waiting.until_final, args=(job, float(LONG)))
    first.start()
    held.asked.wait(float(LONG))
    began = time.monotonic()
    assert waiting.until_final(job, float(LONG)).status == "queued"
    assert time.monotonic() - began < float(LONG) / 2
    held.released.set()
    service.work()
    first.join(float(LONG))
    assert not first.is_alive()


def test_an_unclear_preference_is_none(live_service: Service) -> None:
    assert live_service.upload(CSV, Prefer="wait=soon").status_code == 202
