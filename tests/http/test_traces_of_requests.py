"""The trace of a request is on its job and in the log lines of API and worker."""

from structlog.contextvars import clear_contextvars, merge_contextvars
from structlog.testing import capture_logs

from glyphd.db.registry_models import Job
from tests.service import Service, offers

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
CSV = offers("L4,2400,0.7,USA,Acme,2025-07-29T12:00:00Z")


def _jobs(service: Service) -> list[Job]:
    return service.services.registry.all_jobs()


def test_the_job_of_an_import_has_it(service: Service) -> None:
    import_id = service.import_csv(CSV, traceparent=TRACEPARENT)["import_id"]
    assert [job.traceparent for job in _jobs(service)] == [TRACEPARENT]
    assert service.manifest(import_id)["traceparent"] == TRACEPARENT


def test_the_jobs_of_a_rollback_and_of_a_retry_have_their_own(service: Service) -> None:
    first = service.import_csv(CSV)["import_id"]
    headers = {"traceparent": TRACEPARENT}
    service.http.post(f"/api/imports/{first}/rollback", headers=headers)
    service.work()
    checked = service.import_csv(CSV, "?dry_run=true")["import_id"]
    service.http.post(f"/api/imports/{checked}/retry", headers=headers)
    assert [job.traceparent for job in _jobs(service)] == [None, TRACEPARENT, None, TRACEPARENT]


def test_a_malformed_one_is_ignored(service: Service) -> None:
    assert service.import_csv(CSV, traceparent=TRACEPARENT[:-1])["status"] == "succeeded"
    assert [job.traceparent for job in _jobs(service)] == [None]


def test_log_lines_of_api_and_worker_name_it(service: Service) -> None:
    with capture_logs(processors=[merge_contextvars]) as lines:
        service.upload(CSV, traceparent=TRACEPARENT)
        clear_contextvars()  # a worker does not have what the API bound in this thread
        service.work()
        service.http.get("/api/health")
    traces = {line["event"]: line.get("trace_id") for line in lines}
    assert traces == {"import_finished": TRACE_ID, "request_answered": None} | {
        event: TRACE_ID for event in traces if event not in ("import_finished", "request_answered")
    }
    answered = [line.get("trace_id") for line in lines if line["event"] == "request_answered"]
    assert answered == [TRACE_ID, None]
