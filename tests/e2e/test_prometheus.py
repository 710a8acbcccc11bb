"""A real Prometheus scrapes a service with three workers, which is killed and started again."""

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import monotonic
from urllib.error import URLError
from urllib.parse import quote

import psutil

from tests.deploy.promtool import require_installed
from tests.e2e.processes import (
    PATIENCE_SECONDS,
    Process,
    data_in,
    final_status,
    get,
    serving,
    until,
    upload,
    working,
)

RULES = Path(__file__).parents[2] / "deploy/prometheus/rules.yml"
COUNTED = 'glyphd_imports_total{status="succeeded"}'
CSV = b"model,price_usd,score\nL4,2400,0.7\n"
CONFIGURATION = """
global: {{scrape_interval: 200ms, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: glyphd
    static_configs: [{{targets: [{target}]}}]
"""


@dataclass(frozen=True)
class Prometheus:
    """A running server."""

    address: str

    def value(self, expression: str) -> float | None:
        """What the expression is now, None if it is nothing."""
        found = get(self.address, f"/api/v1/query?query={quote(expression)}")["data"]["result"]
        return float(found[0]["value"][1]) if found else None

    def is_running(self) -> bool:
        try:
            return self.value("vector(1)") == 1
        except (URLError, ConnectionError, json.JSONDecodeError):
            return False


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def _scraping(folder: Path, port: int) -> Iterator[Prometheus]:
    """A Prometheus that scrapes this port, with our rules."""
    folder.mkdir()
    configuration = CONFIGURATION.format(rules=RULES, target=f"127.0.0.1:{port}")
    (folder / "prometheus.yml").write_text(configuration)
    address = f"127.0.0.1:{_free_port()}"
    with (folder / "log").open("w") as log:
        popen = subprocess.Popen(
            [
                require_installed("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}",
            ],
            stderr=log,
        )
    try:
        prometheus = Prometheus(f"http://{address}")
        until(prometheus.is_running)
        yield prometheus
    finally:
        popen.kill()
        popen.wait(PATIENCE_SECONDS)


def _send(api: Process, count: int) -> None:
    """Imports so many files, to their end."""
    ids = [upload(api.address, CSV, "?source=weekly")["import_id"] for _ in range(count)]
    assert {final_status(api.address, one)["status"] for one in ids} == {"succeeded"}


def _samples(prometheus: Prometheus, seconds: float) -> dict[str, list[float]]:
    """Every sample of every counter in the time until now."""
    selector = '{__name__=~"glyphd_.*_total", __name__!~"glyphd_http_.*"}'
    query = quote(f"{selector}[{int(seconds) + 1}s]")
    found = get(prometheus.address, f"/api/v1/query?query={query}")["data"]["result"]
    return {
        json.dumps(series["metric"], sort_keys=True): [
            float(value) for _, value in series["values"]
        ]
        for series in found
    }


def _kill_hard(api: Process) -> None:
    """The API and the worker beside it, with no chance to say anything."""
    processes = [*api.children(), psutil.Process(api.popen.pid)]
    for process in processes:
        process.kill()
    api.popen.wait(PATIENCE_SECONDS)


def test_counters_never_go_back_through_a_kill_and_a_restart(tmp_path: Path) -> None:
    environment = data_in(tmp_path / "data")
    port, began = _free_port(), monotonic()
    with ExitStack() as running:
        prometheus = running.enter_context(_scraping(tmp_path / "prometheus", port))
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
