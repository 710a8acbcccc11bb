"""Every import ends with one line in the log."""

from typing import Any

import pytest
from structlog.contextvars import clear_contextvars, merge_contextvars
from structlog.testing import capture_logs

from tests.service import Service, offers
from tests.worker.conftest import MakeContext
from tests.worker.uploads import failing
from worker.run_job import run_job

ROW = "L4,2400,0.7,EU,Acme,2025-07-29"


def _finished(service: Service, csv: str, query: str = "") -> dict[str, Any]:
    """The only line about the end of this import."""
    service.upload(csv, query)
    clear_contextvars()  # a worker does not have what the API bound in this thread
    with capture_logs(processors=[merge_contextvars]) as lines:
        service.work()
    (line,) = [dict(line) for line in lines if line["event"] == "import_finished"]
    return line


def test_a_success_is_told_with_its_numbers(service: Service) -> None:
    csv = offers(ROW, ROW)
    line = _finished(service, csv, "?source=perplexity&filename=f.csv")
    import_id = service.listings()[0]["import_id"]
    assert line.pop("seconds") >= 0
    assert line == {
        "event": "import_finished",
        "log_level": "info",
        "import_id": import_id,
        "attempt": 1,
        "status": "succeeded",
        "error": None,
        "record_count": 2,
        "rows_read": 2,
        "error_count": 0,
        "size_bytes": len(csv),
        "source": "perplexity",
        "filename": "f.csv",
        "dry_run": False,
    }


@pytest.mark.parametrize(
    ("csv", "query", "told"),
    [
        (offers(ROW, "L4,$,1,,,2025-01-01"), "", ("failed", "invalid_rows", 0, 2, 1, False)),
        (offers(ROW, "L4,$,1,,,2025-01-01"), "?on_error=skip", ("succeeded", None, 1, 2, 1, False)),
        (offers(ROW), "?dry_run=true", ("succeeded", None, 1, 1, 0, True)),
        (offers('"L4,1,1,,,2025-01-01'), "", ("failed", "unreadable_file", 0, 0, 0, False)),
    ],
    ids=["failed", "skipped", "dry run", "unreadable"],
)
def test_every_end_is_told(service: Service, csv: str, query: str, told: tuple[Any, ...]) -> None:
    line = _finished(service, csv, query)
    names = ("status", "error", "record_count", "rows_read", "error_count", "dry_run")
    assert tuple(line[name] for name in names) == told
    assert line["log_level"] == ("warning" if told[0] == "failed" else "info")


def test_a_job_handed_back_has_not_ended(service: Service, make_context: MakeContext) -> None:
    service.upload(offers(ROW))
    (job,) = service.services.registry.unfinished()
    with capture_logs() as lines:
        run_job(
            make_context(failing(service.settings, OSError(28, "No space left on device"))), job.id
        )
    assert [line["event"] for line in lines] == ["import_interrupted", "import_requeued"]
