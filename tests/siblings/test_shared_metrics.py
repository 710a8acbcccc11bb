"""One scrape has the requests of all API processes, and no counter decreases when one of them is
restarted."""

import os

from prometheus_client import CollectorRegistry, generate_latest

from glyphd.api.process_figures import ProcessFigures
from glyphd.api.request_metrics import RequestMetrics
from glyphd.siblings.family import OfProcess, Siblings
from tests.siblings.conftest import Sibling

ROUTES = ("/api/listings", "/api/imports/{import_id}")
LABELS = '{method="GET",route="/api/listings",status_class="2xx"}'


def _requests(siblings: Siblings) -> RequestMetrics:
    requests = RequestMetrics(siblings)
    requests.know(ROUTES)
    return requests


def _answered(requests: RequestMetrics) -> tuple[float, float]:
    """The number of requests, and the seconds they took."""
    counts, durations = requests.collect()
    sums = [sample.value for sample in durations.samples if sample.name.endswith("_sum")]
    return sum(sample.value for sample in counts.samples), sum(sums)


def test_whoever_is_asked_counts_the_requests_of_all(sibling: Sibling) -> None:
    one, two = (_requests(sibling(number)) for number in range(2))
    one.observe("/api/listings", "GET", 200, 0.25)
    two.observe("/api/listings", "GET", 200, 0.5)
    two.observe("none", "BREW", 404, 0.25)
    assert _answered(one) == _answered(two) == (3, 1.0)


def test_a_restarted_process_counts_on(sibling: Sibling) -> None:
    one, two = sibling(0), sibling(1)
    _requests(one).observe("/api/listings", "GET", 200, 0.25)
    two.bury(0)
    assert _answered(_requests(two)) == (1, 0.25)
    again = _requests(sibling(0))
    again.observe("/api/listings", "GET", 200, 0.25)
    assert _answered(again) == (2, 0.5)


def test_each_duration_is_in_its_bucket(sibling: Sibling) -> None:
    requests = _requests(sibling(0))
    for seconds in (0.005, 0.0051, 61):
        requests.observe("/api/listings", "GET", 200, seconds)
    registry = CollectorRegistry()
    registry.register(requests)
    lines = generate_latest(registry).decode().splitlines()
    buckets = [line.rpartition(" ")[2] for line in lines if "_bucket{" in line]
    assert buckets == ["1.0", *["2.0"] * 12, "3.0"]
    assert f"glyphd_http_requests_total{LABELS} 3.0" in lines


def test_processor_time_is_added_and_does_not_go_back(sibling: Sibling) -> None:
    one = sibling(0)
    shown = _figures(one)
    assert shown["process_cpu_seconds_total"] > 0
    both = _figures(sibling(1))
    assert both["process_max_fds"] == 2 * shown["process_max_fds"]
    assert both["process_cpu_seconds_total"] > 1.5 * shown["process_cpu_seconds_total"]
    one.bury(1)
    assert _figures(one)["process_cpu_seconds_total"] >= both["process_cpu_seconds_total"]
    assert sibling(1).own[OfProcess.CPU_BEFORE] > 0


def _figures(siblings: Siblings) -> dict[str, float]:
    assert siblings.own[OfProcess.PID] == os.getpid()
    families = ProcessFigures(siblings).collect()
    return {sample.name: sample.value for family in families for sample in family.samples}
