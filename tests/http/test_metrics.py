"""`/metrics`: the metrics for a Prometheus server."""

import gzip
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text
from webob import Request
from webtest import TestApp

from glyphd.api.app import build_app
from glyphd.api.import_metrics import MOST_SOURCES
from glyphd.api.service_metrics import WEBHOOK_STATES
from glyphd.db.webhook_models import Webhook
from glyphd.importing.integrity_log import IntegrityLog
from glyphd.services import build_services
from glyphd.settings import Settings
from glyphd.times import now_text
from tests.service import Service, StartService, offers
from tests.spoiling import open_ledger

ROW = "L4,2400,0.7,USA,Acme,2025-07-29T12:00:00Z"
BROKEN = offers("L4,dear,0.7,USA,Acme,2025-07-29T12:00:00Z")
OPENMETRICS = "application/openmetrics-text"
PROMETHEUS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"


def _metrics(http: "TestApp[Any]") -> dict[str, float]:
    """Each series as `name{label=value}` with its value."""
    samples = (
        sample for family in read_text(http.get("/metrics").text) for sample in family.samples
    )
    found = {}
    for sample in samples:
        labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
        found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


@pytest.fixture
def any_service(database_settings: Settings) -> Iterator[Service]:
    """A fresh service on each of the two databases."""
    yield from open_ledger(database_settings)


def test_imports_are_counted_by_status_and_source(any_service: Service) -> None:
    any_service.import_csv(offers(ROW, ROW), "?source=Weekly")
    any_service.import_csv(offers(ROW), "?source=weekly")
    any_service.import_csv(BROKEN, "?source=weekly")
    any_service.import_csv(offers(ROW))
    any_service.import_csv(offers(ROW), "?source=weekly&dry_run=true")
    found = _metrics(any_service.http)
    assert {name: value for name, value in found.items() if "imports_total" in name} == {
        "glyphd_imports_total{status=succeeded}": 3,
        "glyphd_imports_total{status=failed}": 1,
        "glyphd_imports_total{status=cancelled}": 0,
        "glyphd_source_imports_total{source=,status=succeeded}": 1,
        "glyphd_source_imports_total{source=,status=failed}": 0,
        "glyphd_source_imports_total{source=,status=cancelled}": 0,
        "glyphd_source_imports_total{source=weekly,status=succeeded}": 2,
        "glyphd_source_imports_total{source=weekly,status=failed}": 1,
        "glyphd_source_imports_total{source=weekly,status=cancelled}": 0,
    }
    assert found["glyphd_dry_runs_total{status=succeeded}"] == 1
    assert found["glyphd_imported_rows_total"] == 4
    assert found["glyphd_source_imported_rows_total{source=weekly}"] == 3
    assert found["glyphd_sources"] == 2
    assert found["glyphd_archive_bytes"] > 0


def test_every_process_counts_the_same(service: Service) -> None:
    service.import_csv(offers(ROW), "?source=weekly")
    other = TestApp(build_app(build_services(service.settings)))
    name = "glyphd_source_imports_total{source=weekly,status=succeeded}"
    assert _metrics(other)[name] == _metrics(service.http)[name] == 1


def test_a_rollback_takes_nothing_from_a_counter(service: Service) -> None:
    import_id = service.import_csv(offers(ROW))["import_id"]
    service.http.post(f"/api/imports/{import_id}/rollback")
    service.work()
    found = _metrics(service.http)
    assert found["glyphd_imports_total{status=succeeded}"] == found["glyphd_imported_rows_total"]


def test_what_waits_and_what_stalls_is_seen(service: Service) -> None:
    import_id = service.upload(offers(ROW), "?source=weekly").json["import_id"]
    service.alter(import_id, received_at="2025-07-29T12:00:00.000000Z")
    found = _metrics(service.http)
    assert found["glyphd_imports_unfinished{status=queued}"] == 1
    assert found["glyphd_oldest_waiting_import_seconds"] > 24 * 60 * 60
    assert found["glyphd_source_oldest_waiting_import_seconds{source=weekly}"] > 24 * 60 * 60
    assert found["glyphd_imports_stalled"] == 0
    service.alter(import_id, status="running", heartbeat_at="2025-07-29T12:00:00.000000Z")
    found = _metrics(service.http)
    assert found["glyphd_imports_stalled"] == 1
    assert found["glyphd_source_imports_stalled{source=weekly}"] == 1


def test_the_last_success_is_that_of_a_real_import(service: Service) -> None:
    name = "glyphd_source_last_success_timestamp_seconds{source=weekly}"
    import_id = service.import_csv(offers(ROW), "?source=weekly&dry_run=true")["import_id"]
    service.import_csv(BROKEN, "?source=weekly")
    assert name not in _metrics(service.http)
    import_id = service.import_csv(offers(ROW), "?source=weekly")["import_id"]
    service.alter(import_id, finished_at="2025-07-29T12:00:00.000000Z")
    assert _metrics(service.http)[name] == 1753790400


def test_only_the_latest_sources_have_metrics_of_their_own(service: Service) -> None:
    for number in range(MOST_SOURCES + 1):
        service.upload(offers(ROW), f"?source=s{number}")
    found = _metrics(service.http)
    named = [name for name in found if name.startswith("glyphd_source_imports_stalled")]
    assert len(named) == MOST_SOURCES
    assert "glyphd_source_imports_stalled{source=s0}" not in named
    assert found["glyphd_sources"] == found["glyphd_imports_unfinished{status=queued}"] == 101


def test_workers_and_disk_are_seen(start_service: StartService) -> None:
    service = start_service(disk_reserve_bytes=12345)
    assert _metrics(service.http)["glyphd_workers_alive"] == 0
    service.greet()
    found = _metrics(service.http)
    assert found["glyphd_workers_alive"] == 1
    assert found["glyphd_disk_reserve_bytes"] == 12345
    assert found["glyphd_disk_free_bytes"] > 0


def test_the_last_check_for_damage_is_seen(service: Service) -> None:
    assert "glyphd_damaged" not in _metrics(service.http)
    IntegrityLog(service.services.registry).record([])
    assert _metrics(service.http)["glyphd_damaged"] == 0
    IntegrityLog(service.services.registry).record(["archive: broken"])
    assert _metrics(service.http)["glyphd_damaged"] == 1


def test_webhooks_are_counted_by_state(service: Service) -> None:
    changes: list[dict[str, object]] = [
        {},
        {"failing_since": "2025-07-29T12:00:00.000000Z"},
        {"is_enabled": False, "disabled_reason": "gone"},
        {"is_enabled": False},
    ]
    for changed in changes:
        _add_webhook(service, changed)
    found = _metrics(service.http)
    assert [found[f"glyphd_webhooks{{state={state}}}"] for state in WEBHOOK_STATES] == [1] * 4
    assert found["glyphd_webhook_failing_seconds"] > 24 * 60 * 60


def _add_webhook(service: Service, values: dict[str, object]) -> None:
    body = {"url": "https://example.com/hook"}
    webhook_id = service.http.post_json("/api/webhooks", body).json["webhook_id"]
    database = service.services.registry.database
    if values:
        with database.connection_context():
            database.execute(Webhook.update(values).where(Webhook.id == webhook_id))


def test_events_say_when_the_latest_was(service: Service) -> None:
    assert "glyphd_last_event_timestamp_seconds" not in _metrics(service.http)
    before = now_text()
    service.import_csv(offers(ROW))
    (event,) = service.http.get("/api/events").json
    assert event["occurred_at"] >= before
    latest = _metrics(service.http)["glyphd_last_event_timestamp_seconds"]
    assert latest == pytest.approx(event["id"] / 1e6)


def test_requests_are_counted_by_route_method_and_status_class(service: Service) -> None:
    for _ in range(2):
        service.http.get("/api/imports/none", status=404)
    service.http.head("/api/health")
    service.http.get("/nothing", status=404)
    TestApp(service.http.app, lint=False).request("/api/listings", method="BREW", status=405)
    service.http.options("/api/listings")
    found = _metrics(service.http)
    counted = {name: value for name, value in found.items() if "http_requests_total" in name}
    assert counted == {
        _request("GET", "/api/imports/{import_id}", "4xx"): 2,
        _request("HEAD", "/api/health", "2xx"): 1,
        _request("GET", "none", "4xx"): 1,
        _request("other", "none", "4xx"): 1,
        _request("OPTIONS", "none", "2xx"): 1,
    }
    timed = _request("GET", "/api/imports/{import_id}", "4xx")
    timed = timed.replace("requests_total", "request_duration_seconds_count")
    assert found[timed] == 2


def _request(method: str, route: str, status_class: str) -> str:
    labels = f"method={method},route={route},status_class={status_class}"
    return f"glyphd_http_requests_total{{{labels}}}"


def test_what_is_refused_before_a_route_is_looked_for_is_counted(service: Service) -> None:
    service.http.get("/api/listings", headers={"Host": "elsewhere.example"}, status=421)
    assert _metrics(service.http)[_request("GET", "none", "4xx")] == 1


def test_the_build_is_named(service: Service) -> None:
    (build,) = [name for name in _metrics(service.http) if name.startswith("glyphd_build_info")]
    assert "database=sqlite" in build
    assert "version=" in build


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain"),
        ("*/*", "text/plain"),
        ("text/plain", "text/plain"),
        ("application/json", "text/plain"),
        ("text/plain, application/openmetrics-text;q=0.5", "text/plain"),
        (OPENMETRICS, OPENMETRICS),
        (PROMETHEUS, OPENMETRICS),
    ],
)
def test_the_form_is_the_accepted_one(service: Service, accept: str, content_type: str) -> None:
    answer = service.http.get("/metrics", headers={"Accept": accept})
    assert answer.content_type == content_type
    assert (answer.headers["Cache-Control"], "Accept" in answer.headers["Vary"]) == (
        "no-store",
        True,
    )
    read = read_openmetrics if content_type == OPENMETRICS else read_text
    assert {family.name for family in read(answer.text)} >= {"glyphd_workers_alive"}


@pytest.mark.parametrize("accept", ["text/plain", OPENMETRICS])
def test_a_scrape_is_packed_where_that_is_accepted(service: Service, accept: str) -> None:
    headers = {"Accept": accept, "Accept-Encoding": "gzip"}
    # Not through webtest, which unpacks the answer.
    answer = Request.blank("/metrics", headers=headers).get_response(service.http.app)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert b"glyphd_workers_alive" in gzip.decompress(answer.body)


def test_head_has_no_body(service: Service) -> None:
    assert service.http.head("/metrics").body == b""


def test_there_are_no_parameters(service: Service) -> None:
    assert service.refusal("/metrics?x=1")["code"] == "unknown_parameter"
