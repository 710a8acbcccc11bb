"""How many requests this process has answered, and how long each took. Kept in memory, so they are
the numbers of one process, and begin again with it."""

from collections.abc import Iterator

from prometheus_client import Counter, Histogram, disable_created_metrics
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Seconds; the last ones for requests that may wait for something."""

_LABELS = ("route", "method", "status_class")
_METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
NO_ROUTE = "none"


class RequestMetrics(Collector):
    """Counts answered requests. The labels have few values whatever clients send: paths by their
    route, statuses by their first digit."""

    def __init__(self) -> None:
        disable_created_metrics()  # one more series for each, which nobody asks for
        self._requests = Counter(
            "glyphd_http_requests",
            "Requests that this process has answered",
            _LABELS,
            registry=None,
        )
        self._seconds = Histogram(
            "glyphd_http_request_duration_seconds",
            "Time from a request's head and body to the beginning of its answer",
            _LABELS,
            buckets=_BUCKETS,
            registry=None,
        )
        self._series: dict[tuple[str, str, str], tuple[Counter, Histogram]] = {}

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Counts one answer. `route` is a path with its parameters in braces, or NO_ROUTE."""
        labels = (route, method if method in _METHODS else "other", f"{status // 100}xx")
        series = self._series.get(labels)
        if series is None:
            series = self._requests.labels(*labels), self._seconds.labels(*labels)
            self._series[labels] = series
        requests, durations = series
        requests.inc()
        durations.observe(seconds)

    def collect(self) -> Iterator[Metric]:
        """The metrics as they are now."""
        yield from self._requests.collect()
        yield from self._seconds.collect()
