"""A real Prometheus scrapes a service with three workers, which is killed and started again."""

import json
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from time import monotonic

import psutil

from tests.deploy.prometheus import Prometheus, scraping
from tests.e2e.processes import (
    PATIENCE_SECONDS,
    Process,
    data_in,
    final_status,
    serving,
    until,
    upload,
    working,
)
from tests.server_process import free_port

COUNTED = 'glyphd_imports_total{status="succeeded"}'
CSV = b"model,price_usd,score\nL4,2400,0.7\n"


def _send(api: Process, count: int) -> None:
    """Imports this many files, and waits until they have ended."""
    ids = [upload(api.address, CSV, "?source=weekly")["import_id"] for _ in range(count)]
    assert {final_status(api.address, one)["status"] for one in ids} == {"succeeded"}


def _samples(prometheus: Prometheus, seconds: float) -> dict[str, list[float]]:
    """All samples of every counter in the last `seconds`."""
    selector = '{__name__=~"glyphd_.*_total", __name__!~"glyphd_http_.*"}'
    found = prometheus.asked(f"{selector}[{int(seconds) + 1}s]")
    return {
        json.dumps(series["metric"], sort_keys=True): [
            float(value) for _, value in series["values"]
        ]
        for series in found
    }


def _kill_hard(api: Process) -> None:
    """Kills the API and its workers with SIGKILL."""
    processes = [*api.children(), psutil.Process(api.popen.pid)]
    for process in processes:
        process.kill()
    api.popen.wait(PATIENCE_SECONDS)


def test_counters_never_go_back_through_a_kill_and_a_restart(tmp_path: Path) -> None:
    environment = data_in(tmp_path / "data")
    port, began = free_port(), monotonic()
    with ExitStack() as running:
        prometheus = running.enter_context(scraping(tmp_path / "prometheus", port))
        api = running.enter_context(serving("--port", str(port), environment=environment))
        workers = [running.enter_context(working(environment=environment)) for _ in range(2)]
        until(lambda: prometheus.value("glyphd_workers_alive") == 3)
        _send(api, 5)
        until(lambda: prometheus.value(COUNTED) == 5)

        _kill_hard(api)
        workers[0].kill()
        until(lambda: prometheus.value('up{job="glyphd"}') == 0)

        again = running.enter_context(serving("--port", str(port), environment=environment))
        until(lambda: prometheus.value('up{job="glyphd"}') == 1)
        _send(again, 3)
        until(lambda: prometheus.value(COUNTED) == 8)
        samples = _samples(prometheus, monotonic() - began)
    assert any(values[0] < values[-1] == 8 for values in samples.values())
    for series, values in samples.items():
        assert all(before <= after for before, after in pairwise(values)), series
