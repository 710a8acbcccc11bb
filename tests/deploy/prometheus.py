"""A real Prometheus that scrapes a service."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode

from tests.deploy.promtool import require_installed
from tests.e2e.processes import PATIENCE_SECONDS, get, until
from tests.server_process import free_port

RULES = Path(__file__).parents[2] / "deploy/prometheus/rules.yml"
_CONFIGURATION = """
global: {{scrape_interval: {interval}, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: glyphd
    static_configs: [{{targets: [{target}]}}]
"""


@dataclass(frozen=True)
class Prometheus:
    """A running server."""

    address: str

    def asked(self, expression: str, **over: float) -> list[dict[str, Any]]:
        """The series of the expression now, or at each `step` from `start` to `end`."""
        path = "query_range" if over else "query"
        words = urlencode({"query": expression, **over})
        found: list[dict[str, Any]] = get(self.address, f"/api/v1/{path}?{words}")["data"]["result"]
        return found

    def value(self, expression: str) -> float | None:
        """The value of the expression now, None if it has none."""
        found = self.asked(expression)
        return float(found[0]["value"][1]) if found else None

    def is_running(self) -> bool:
        try:
            return bool(self.asked("vector(1)"))
        except (URLError, ConnectionError, json.JSONDecodeError, TypeError, KeyError):
            return False


@contextmanager
def scraping(folder: Path, port: int, interval: str = "200ms") -> Iterator[Prometheus]:
    """A Prometheus that scrapes this port, with our rules."""
    folder.mkdir()
    configuration = _CONFIGURATION.format(
        interval=interval, rules=RULES, target=f"127.0.0.1:{port}"
    )
    (folder / "prometheus.yml").write_text(configuration)
    address = f"127.0.0.1:{free_port()}"
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
