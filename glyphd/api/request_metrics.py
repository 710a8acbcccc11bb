"""How many requests the service's processes have answered, and how long each took. The numbers are
in shared memory: they start from zero with the service, but not when a single process restarts."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import accumulate
from threading import Lock

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from glyphd.siblings.family import Siblings, alone
from glyphd.siblings.shared_memory import SERIES_CELLS

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Seconds; the last buckets are for requests that may wait for something."""
_BOUNDS = [*map(floatToGoString, _BUCKETS), "+Inf"]
_SUM = len(_BOUNDS)
"""The cell of a series after those of its buckets: the sum in nanoseconds."""
_NANOSECONDS = 10**9

_LABELS = ("route", "method", "status_class")
NO_ROUTE = "none"
_METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "other")
_CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
_SERIES_OF_A_ROUTE = len(_METHODS) * len(_CLASSES)
_CELLS_OF_A_ROUTE = _SERIES_OF_A_ROUTE * SERIES_CELLS


class RequestMetrics(Collector):
    """Counts answered requests. The labels have few values whatever clients send: paths by their
    route, statuses by their first digit.

    Every process has the same routes, and so the same position for each series. It counts in its
    own cells; they are added up when the metrics are read.
    """

    def __init__(self, siblings: Siblings | None = None) -> None:
        siblings = siblings or alone()
        self._of_processes = siblings.series
        self._own = siblings.series[siblings.number]
        self._first: dict[str, int] = {}
        self._lock = Lock()

    def know(self, routes: Iterable[str]) -> None:
        """Sets all existing paths, with their parameters in braces. Called before anything is
        observed."""
        known = [NO_ROUTE, *sorted(set(routes))]
        self._first = {route: place * _CELLS_OF_A_ROUTE for place, route in enumerate(known)}
        assert len(known) * _CELLS_OF_A_ROUTE <= len(self._own)

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Counts one answer. `route` is a path with its parameters in braces; an unknown one counts
        as NO_ROUTE."""
        known = _METHODS.index(method) if method in _METHODS else len(_METHODS) - 1
        series = known * len(_CLASSES) + status // 100 - 1
        first = self._first.get(route, self._first[NO_ROUTE]) + series * SERIES_CELLS
        with self._lock:
            self._own[first + bisect_left(_BUCKETS, seconds)] += 1
            self._own[first + _SUM] += round(seconds * _NANOSECONDS)

    def collect(self) -> Iterator[Metric]:
        """The metrics as they are now."""
        requests = CounterMetricFamily(
            "glyphd_http_requests", "Requests that have been answered", labels=_LABELS
        )
        durations = HistogramMetricFamily(
            "glyphd_http_request_duration_seconds",
            "Time from a request's head and body to the beginning of its answer",
            labels=_LABELS,
        )
        for labels, cells in self._series():
            counts = list(accumulate(cells[:_SUM]))
            requests.add_metric(labels, counts[-1])
            buckets = list(zip(_BOUNDS, counts, strict=True))
            durations.add_metric(labels, buckets, cells[_SUM] / _NANOSECONDS)
        yield from (requests, durations)

    def _series(self) -> Iterator[tuple[tuple[str, str, str], list[int]]]:
        """The labels of each series that has been counted, and the sums of its cells."""
        for route, first in self._first.items():
            used = [
                cells
                for cells in self._of_processes
                if any(cells[first : first + _CELLS_OF_A_ROUTE])
            ]
            for series in range(_SERIES_OF_A_ROUTE if used else 0):
                begin = first + series * SERIES_CELLS
                rows = [cells[begin : begin + SERIES_CELLS] for cells in used]
                summed = [sum(cells) for cells in zip(*rows, strict=True)]
                if any(summed):
                    method, status_class = divmod(series, len(_CLASSES))
                    yield (route, _METHODS[method], _CLASSES[status_class]), summed
