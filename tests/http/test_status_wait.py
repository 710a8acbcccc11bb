"""`?wait=N` on the status of an import."""

import time
from threading import Timer

import pytest

from glyphd.api import waiting
from tests.service import Service, offers, problem

CSV = offers("RTX_A6000,4500,0.9,USA,Acme,2025-07-29T12:00:00Z")
OTHER = CSV.replace("4500", "4600")
BAD_ROW = CSV.replace("4500", "$4500")
USUAL_PROXY_SECONDS = 50
"""The shortest timeout among common proxies: that of HAProxy's examples."""


def test_the_answer_comes_when_the_status_is_another(service: Service) -> None:
    import_id = service.upload(CSV).json["import_id"]
    worker = Timer(0.1, service.work)
    worker.start()
    answer = service.http.get(f"/api/imports/{import_id}?wait=60")
    worker.join()
    assert answer.json["status"] in ("running", "succeeded")


def test_a_final_status_is_told_at_once(service: Service) -> None:
    import_id = service.import_csv(CSV)["import_id"]
    assert service.http.get(f"/api/imports/{import_id}?wait=60").json["status"] == "succeeded"


def test_when_the_time_is_up_the_status_is_as_it_was(service: Service) -> None:
    import_id = service.upload(CSV).json["import_id"]
    assert service.http.get(f"/api/imports/{import_id}?wait=1").json["status"] == "queued"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/api/events?kind=import.restored&wait=60", {}),
        ("/api/imports/{}?wait=60", {}),
        ("/api/imports/{}/retry", {"Prefer": "wait=60"}),
    ],
)
def test_no_answer_waits_as_long_as_a_proxy(
    service: Service, monkeypatch: pytest.MonkeyPatch, path: str, headers: dict[str, str]
) -> None:
    assert waiting.LONGEST_SECONDS < USUAL_PROXY_SECONDS
    monkeypatch.setattr(waiting, "LONGEST_SECONDS", 0.2)
    service.greet()
    import_id = service.import_csv(BAD_ROW if headers else CSV)["import_id"]
    queued = import_id if headers else service.upload(OTHER).json["import_id"]
    began = time.monotonic()
    service.http.request(path.format(queued), method="POST" if headers else "GET", headers=headers)
    assert time.monotonic() - began < USUAL_PROXY_SECONDS / 2


@pytest.mark.parametrize("wait", ["61", "-1", "soon", "1.5"])
def test_refuses_a_time_that_is_none(service: Service, wait: str) -> None:
    import_id = service.upload(CSV).json["import_id"]
    answer = service.http.get(f"/api/imports/{import_id}?wait={wait}", status=400)
    assert problem(answer)["parameter"] == "wait"
