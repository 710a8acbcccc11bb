"""The usual metrics of a process, summed over the API's processes. They come from Linux's `/proc`;
elsewhere there are none."""

from collections.abc import Iterator
from functools import partial

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from glyphd.siblings.family import OfProcess, OfService, Siblings

_ADDED = {
    "process_virtual_memory_bytes": "Virtual memory size in bytes.",
    "process_resident_memory_bytes": "Resident memory size in bytes.",
    "process_open_fds": "Number of open file descriptors.",
    "process_max_fds": "Maximum number of open file descriptors.",
}
_CPU = "process_cpu_seconds_total"
_NANOSECONDS = 10**9


class ProcessFigures(Collector):
    """Sums over several processes. The CPU time never decreases."""

    def __init__(self, siblings: Siblings) -> None:
        self._siblings = siblings

    def collect(self) -> Iterator[Metric]:
        """The metrics as they are now; none if the system does not provide them."""
        with self._siblings.locked():
            found = [self._figures_of(row) for row in self._siblings.processes]
            shown = self._siblings.total(OfProcess.CPU_SHOWN)
        if not any(found):
            return
        for name, words in _ADDED.items():
            yield GaugeMetricFamily(name, words, sum(one.get(name, 0) for one in found))
        yield GaugeMetricFamily(
            "process_start_time_seconds",
            "Start time of the service since unix epoch in seconds.",
            self._siblings.service[OfService.BEGAN],
        )
        yield CounterMetricFamily(
            "process_cpu_seconds",
            "Total user and system CPU time spent in seconds.",
            shown / _NANOSECONDS,
        )

    def _figures_of(self, row: memoryview) -> dict[str, float]:
        """The figures of one process by their names; none if it is not running. Its CPU time is
        recorded, so that what was shown still counts after its end."""
        pid = row[OfProcess.PID]
        if not pid:
            return {}
        registry = CollectorRegistry()
        ProcessCollector(registry=registry, pid=partial(int, pid))
        found = {
            sample.name: sample.value for family in registry.collect() for sample in family.samples
        }
        worked = row[OfProcess.CPU_BEFORE] + round(found.get(_CPU, 0) * _NANOSECONDS)
        row[OfProcess.CPU_SHOWN] = max(row[OfProcess.CPU_SHOWN], worked)
        return found


def process_figures(siblings: Siblings, registry: CollectorRegistry) -> None:
    """Registers the figures of the API's processes, or of this one if it is alone."""
    if siblings.count > 1:
        registry.register(ProcessFigures(siblings))
    else:
        ProcessCollector(registry=registry)
