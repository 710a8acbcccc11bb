"""The metrics of imports, counted from the registry's rows: the same in every process, and after
every restart."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from glyphd.contracts.import_contracts import FINAL, UNFINISHED, ImportStatus
from glyphd.importing.import_figures import (
    ImportGroup,
    WaitingImport,
    import_groups,
    waiting_imports,
)
from glyphd.importing.job_queries import JobQueries
from glyphd.times import utc_now

MOST_SOURCES = 100
"""The number of sources with separate metrics: those that sent a file most recently. The metrics of
all imports together count the others too."""

_SOURCE = ["source"]


def import_metrics(jobs: JobQueries) -> Iterator[Metric]:
    """The metrics of all imports together, and of each source."""
    # Waiting ones first: an import that ends between the two is counted twice rather than never.
    waiting, groups = waiting_imports(jobs), import_groups(jobs)
    yield from _all_imports(groups, waiting)
    yield from _by_source(groups, waiting)


def _all_imports(
    groups: Sequence[ImportGroup], waiting: Sequence[WaitingImport]
) -> Iterator[Metric]:
    real = [group for group in groups if not group.is_dry_run]
    yield _by_status("glyphd_imports", "Imports that have ended, without dry runs", real)
    dry_runs = [group for group in groups if group.is_dry_run]
    yield _by_status("glyphd_dry_runs", "Dry runs that have ended", dry_runs)
    rows = sum(_rows(group) for group in real)
    yield CounterMetricFamily("glyphd_imported_rows", "Imported rows", rows)
    unfinished = GaugeMetricFamily(
        "glyphd_imports_unfinished", "Imports that have not ended", labels=["status"]
    )
    for status in UNFINISHED:
        unfinished.add_metric([status], sum(one.status == status for one in waiting))
    yield unfinished
    yield GaugeMetricFamily(
        "glyphd_imports_stalled",
        "Running imports whose worker sends no heartbeat",
        sum(one.is_stalled for one in waiting),
    )
    yield GaugeMetricFamily(
        "glyphd_oldest_waiting_import_seconds",
        "Time since the oldest unfinished import was received, 0 if there is none",
        _longest(waiting),
    )


def _by_status(name: str, words: str, groups: Sequence[ImportGroup]) -> Metric:
    counts = dict.fromkeys(FINAL, 0)
    for group in groups:
        if group.status in counts:
            counts[ImportStatus(group.status)] += group.count
    family = CounterMetricFamily(name, words, labels=["status"])
    for status, count in counts.items():
        family.add_metric([status], count)
    return family


def _by_source(groups: Sequence[ImportGroup], waiting: Sequence[WaitingImport]) -> Iterator[Metric]:
    """An import without a source has the empty label, which Prometheus shows as none."""
    known, unfinished = _grouped(groups), _grouped(waiting)
    yield GaugeMetricFamily("glyphd_sources", "Sources that have sent something", len(known))
    imports = CounterMetricFamily(
        "glyphd_source_imports", "Imports that have ended, by source", labels=["source", "status"]
    )
    rows = CounterMetricFamily(
        "glyphd_source_imported_rows", "Imported rows, by source", labels=_SOURCE
    )
    successes = GaugeMetricFamily(
        "glyphd_source_last_success_timestamp_seconds",
        "When the latest import of the source succeeded, in seconds since 1970",
        labels=_SOURCE,
    )
    oldest = GaugeMetricFamily(
        "glyphd_source_oldest_waiting_import_seconds",
        "Time since the oldest unfinished import of the source was received, 0 if there is none",
        labels=_SOURCE,
    )
    stalled = GaugeMetricFamily(
        "glyphd_source_imports_stalled",
        "Running imports of the source whose worker sends no heartbeat",
        labels=_SOURCE,
    )
    for source in _latest(known):
        own = [group for group in known[source] if not group.is_dry_run]
        for status in FINAL:
            count = sum(group.count for group in own if group.status == status)
            imports.add_metric([source, status], count)
        rows.add_metric([source], sum(_rows(group) for group in own))
        moments = [group.last_finished_at for group in own if _is_success(group)]
        if latest := max(filter(None, moments), default=None):
            successes.add_metric([source], latest.timestamp())
        oldest.add_metric([source], _longest(unfinished[source]))
        stalled.add_metric([source], sum(one.is_stalled for one in unfinished[source]))
    yield from (imports, rows, successes, oldest, stalled)


_OfSource = TypeVar("_OfSource", ImportGroup, WaitingImport)


def _grouped(found: Sequence[_OfSource]) -> dict[str, list[_OfSource]]:
    """The groups or imports by source; an empty list for any other source."""
    by_source = defaultdict(list)
    for one in found:
        by_source[one.source].append(one)
    return by_source


def _latest(groups: dict[str, list[ImportGroup]]) -> list[str]:
    """The sources that sent a file most recently, by name."""
    last = {source: max(group.last_id for group in own) for source, own in groups.items()}
    return sorted(sorted(last, key=last.__getitem__)[-MOST_SOURCES:])


def _is_success(group: ImportGroup) -> bool:
    return group.status == ImportStatus.SUCCEEDED


def _rows(group: ImportGroup) -> int:
    return group.rows if _is_success(group) else 0


def _longest(waiting: Sequence[WaitingImport]) -> float:
    """Seconds since the oldest of them was received."""
    now = utc_now()
    ages = ((now - one.received_at).total_seconds() for one in waiting)
    return max(0.0, max(ages, default=0.0))
