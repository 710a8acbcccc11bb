"""`python -m tests.deploy.dashboard_picture`: makes a picture of the dashboard's panels.

Each query of the dashboard is sent to a real Prometheus that has scraped a busy service for some
minutes. The panels are drawn here, in Grafana's layout, not by Grafana.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from math import isnan
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import sync_playwright

from tests.deploy.prometheus import Prometheus, scraping
from tests.e2e.processes import data_in, final_status, get, many_offers, serving, upload, working
from tests.server_process import free_port
from tests.web.chromium.launching import find_chromium, launch

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "deploy/grafana/glyphd.json"
PICTURE = ROOT / "docs/images/dashboard.png"
BUSY_SECONDS = 180.0
VARIABLES = {"$job": "glyphd", "$__rate_interval": "15s"}
COLOURS = ("#2a6f97", "#c1666b", "#4f9d69", "#d4a24c", "#7a5195", "#5c5c5c", "#1b998b", "#8d6a4f")
SIZE = {"width": 1200, "height": 1010}
STYLE = """
body { margin: 8px; font: 12px sans-serif; background: #f4f5f5; color: #222; display: grid;
  grid-template-columns: repeat(24, 1fr); grid-auto-rows: 28px; gap: 4px }
section { background: #fff; border: 1px solid #ddd; padding: 5px 8px; overflow: hidden }
h2 { font-size: 12px; margin: 0 } p { font-size: 26px; margin: 8px 0; color: #2a6f97 }
svg { width: 100%; height: 158px } li { display: inline; margin-right: 10px; font-size: 10px }
ul { margin: 0; padding: 0; height: 26px; overflow: hidden } td { padding: 2px 12px 2px 0 }
"""


@dataclass(frozen=True)
class Series:
    """One line of a panel: values by second."""

    name: str
    points: list[tuple[float, float]]


def main() -> int:
    """Returns 0 when the picture was taken."""
    executable = find_chromium()
    if executable is None:
        sys.exit("there is no Chromium here: install it (Debian: `apt-get install chromium`)")
    port = free_port()
    with TemporaryDirectory() as name:
        environment = {**data_in(Path(name) / "data"), "GLYPHD_LOG_LEVEL": "ERROR"}
        with (
            serving("--port", str(port), environment=environment) as api,
            working(environment=environment),
            scraping(Path(name) / "prometheus", port, "1s") as prometheus,
        ):
            began = time.time()
            _keep_busy(api.address)
            page = "".join(_panels(prometheus, began, time.time()))
    with sync_playwright() as playwright:
        browser = launch(playwright, executable)
        shown = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
        shown.set_content(f"<style>{STYLE}</style>{page}")
        shown.screenshot(path=PICTURE, full_page=True)
        browser.close()
    print(f"{PICTURE.name}: {PICTURE.stat().st_size:,} bytes")
    return 0


def _keep_busy(address: str) -> None:
    """Imports from three sources, one of which sometimes sends a bad file, and reads."""
    sources = {"daily": many_offers(2000), "partner-a": many_offers(500), "partner-b": b"model\nL4"}
    end = time.monotonic() + BUSY_SECONDS
    turn = 0
    while time.monotonic() < end:
        turn += 1
        for number, (source, csv) in enumerate(sources.items()):
            if turn % (number + 1) == 0:
                bad = b"model,price_usd,score\nL4,cheap,0.7\n" if turn % 9 == 0 else csv
                body = csv if source != "partner-b" else bad if turn % 9 == 0 else many_offers(50)
                final_status(address, upload(address, body, f"?source={source}")["import_id"])
        for path in ("/api/listings?limit=50", "/api/models", "/api/imports?limit=5"):
            get(address, path)


def _panels(prometheus: Prometheus, start: float, end: float) -> Iterator[str]:
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        place = panel["gridPos"]
        at = (
            f"grid-area: {place['y'] + 1} / {place['x'] + 1} / "
            f"span {place['h']} / span {place['w']}"
        )
        body = DRAWN[panel["type"]](panel, prometheus, start, end)
        yield f'<section style="{at}"><h2>{escape(panel["title"])}</h2>{body}</section>'


def _queries(panel: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The expressions of a panel with their legends."""
    for target in panel["targets"]:
        expression = target["expr"]
        for name, value in VARIABLES.items():
            expression = expression.replace(name, value)
        yield expression, target.get("legendFormat", "")


def _draw_stat(panel: dict[str, Any], prometheus: Prometheus, *_: float) -> str:
    ((expression, _legend),) = _queries(panel)
    return f"<p>{_worded(prometheus.value(expression) or 0.0, _unit(panel))}</p>"


def _draw_table(panel: dict[str, Any], prometheus: Prometheus, *_: float) -> str:
    ((expression, legend),) = _queries(panel)
    rows = (
        f"<tr><td>{escape(_named(legend, series['metric']))}</td>"
        f"<td>{_worded(float(series['value'][1]), _unit(panel))}</td></tr>"
        for series in prometheus.asked(expression)
    )
    return f"<table>{''.join(rows)}</table>"


def _draw_lines(panel: dict[str, Any], prometheus: Prometheus, start: float, end: float) -> str:
    found = [
        Series(_named(legend, one["metric"]), [(at, float(value)) for at, value in one["values"]])
        for expression, legend in _queries(panel)
        for one in prometheus.asked(expression, start=start, end=end, step=2)
    ]
    known = (value for one in found for _, value in one.points if not isnan(value))
    top = max(known, default=0) or 1
    lines, legend = [], []
    for colour, one in zip(COLOURS * 5, found, strict=False):
        points = " ".join(
            f"{400 * (at - start) / (end - start):.1f},{112 - 100 * value / top:.1f}"
            for at, value in one.points
            if not isnan(value)
        )
        lines.append(f'<polyline points="{points}" fill="none" stroke="{colour}"/>')
        legend.append(f'<li style="color:{colour}">{escape(one.name)}</li>')
    scale = f'<text x="2" y="10" font-size="9">{_worded(top, _unit(panel))}</text>'
    axis = '<line x1="0" x2="400" y1="112" y2="112" stroke="#bbb"/>'
    return (
        f'<svg viewBox="0 0 400 118" preserveAspectRatio="none">{axis}{"".join(lines)}{scale}</svg>'
        f"<ul>{''.join(legend)}</ul>"
    )


DRAWN: dict[str, Callable[..., str]] = {
    "stat": _draw_stat,
    "table": _draw_table,
    "timeseries": _draw_lines,
}


def _named(legend: str, labels: dict[str, str]) -> str:
    for name, value in labels.items():
        legend = legend.replace(f"{{{{{name}}}}}", value)
    return legend


def _unit(panel: dict[str, Any]) -> str:
    return str(panel["fieldConfig"]["defaults"]["unit"])


def _worded(value: float, unit: str) -> str:
    if unit == "bytes":
        return f"{value / 2**20:,.0f} MiB"
    if unit == "percentunit":
        return f"{value:.0%}"
    return f"{value:,.4g}{'/s' if unit == 'reqps' else ' s' if unit == 's' else ''}"


if __name__ == "__main__":
    sys.exit(main())
