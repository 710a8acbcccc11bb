"""Every request for an import logs one line at INFO, accepted or refused."""

from collections.abc import Callable
from typing import Any

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from tests.http.forms import Part, form
from tests.service import Service, StartService, offers

CSV = offers("RTX_A6000,4500,0.9,USA,Acme,2025-07-29T12:00:00Z")
CLIENT = "192.0.2.7"
ASKED = {"Content-Type": "text/csv", "X-Request-Id": "my-request"}


def _line(service: Service, action: Callable[[], Any]) -> dict[str, Any]:
    """The only line about an import that the action logs."""
    service.http.extra_environ = {"REMOTE_ADDR": CLIENT}
    with capture_logs(processors=[merge_contextvars]) as lines:
        action()
    (line,) = [dict(line) for line in lines if line["event"].startswith("import_")]
    return line


def test_an_accepted_upload(service: Service) -> None:
    line = _line(service, lambda: service.post("/api/import?filename=offers.csv", CSV, ASKED))
    (job,) = service.services.registry.unfinished()
    assert line == {
        "event": "import_accepted",
        "log_level": "info",
        "request_id": "my-request",
        "import_id": job.import_id,
        "client": CLIENT,
        "size_bytes": len(CSV),
        "filename": "offers.csv",
        "replayed": False,
    }


def test_a_refused_upload(service: Service) -> None:
    line = _line(
        service, lambda: service.post("/api/import?filename=offers.csv", "model\nL4\n", ASKED, 422)
    )
    assert line.pop("reason").startswith("missing columns price_usd")
    assert line == {
        "event": "import_refused",
        "log_level": "info",
        "request_id": "my-request",
        "code": "file_refused",
        "client": CLIENT,
        "size_bytes": len("model\nL4\n"),
        "filename": "offers.csv",
    }


def test_a_large_one_that_is_refused_by_its_head_is_named_too(service: Service) -> None:
    zipped = b"PK\x03\x04" + b"\x01" * 1_000_000
    sent = form(Part("file", zipped, "offers.zip"))
    line = _line(service, lambda: sent.to(service, status=422))
    assert (line["code"], line["filename"], line["size_bytes"]) == (
        "file_refused",
        "offers.zip",
        len(sent.body),
    )


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        ("/api/import?sorce=a", {}, 400, "unknown_parameter"),
        ("/api/import", {"Idempotency-Key": "a b"}, 400, "invalid_idempotency_key"),
        ("/api/import", {"Content-Type": "image/png"}, 415, "unsupported_media_type"),
        ("/api/listings/import", {"Content-Encoding": "br"}, 415, "unsupported_media_type"),
        ("/api/persist/listings", {}, 415, "unsupported_media_type"),
        ("/api/persist/listings", {"Content-Type": "application/json"}, 422, "file_refused"),
        ("/api/imports/nobody/retry", {}, 415, "unsupported_media_type"),
    ],
)
def test_every_kind_of_refusal(
    service: Service, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    line = _line(service, lambda: service.post(path, CSV, ASKED | headers, status))
    assert (line["event"], line["code"], line["client"]) == ("import_refused", code, CLIENT)


def test_a_retry_of_no_import(service: Service) -> None:
    line = _line(service, lambda: service.http.post("/api/imports/nobody/retry", status=404))
    assert (line["event"], line["code"]) == ("import_refused", "import_not_found")


def test_a_full_queue(start_service: StartService) -> None:
    service = start_service(max_imports_waiting=1)
    service.upload(CSV)
    line = _line(service, lambda: service.post("/api/import", CSV, ASKED, 503))
    assert (line["event"], line["code"], line["log_level"]) == (
        "import_refused",
        "too_many_imports",
        "info",
    )


def test_rows_as_json(service: Service) -> None:
    rows = [{"model": "L4", "price_usd": 2400, "score": 0.7}]
    line = _line(service, lambda: service.http.post_json("/api/persist/listings", rows))
    assert (line["event"], line["filename"]) == ("import_accepted", None)


def test_a_replay_says_that_it_is_one(service: Service) -> None:
    first = service.upload(CSV, Idempotency_Key="monday").json["import_id"]
    line = _line(service, lambda: service.upload(CSV, Idempotency_Key="monday"))
    assert (line["event"], line["import_id"], line["replayed"]) == ("import_accepted", first, True)


def test_a_retry(service: Service) -> None:
    checked = service.import_csv(CSV, "?dry_run=true&filename=offers.csv")["import_id"]
    line = _line(service, lambda: service.http.post(f"/api/imports/{checked}/retry"))
    assert (line["event"], line["filename"]) == ("import_accepted", "offers.csv")
    assert line["import_id"] != checked


def test_a_long_reason_is_cut(service: Service) -> None:
    header = ",".join(f"column_{number}" for number in range(300))
    line = _line(service, lambda: service.post("/api/import", f"{header}\n1\n", ASKED, 422))
    assert len(line["reason"]) == 500
