"""The benchmarks by name."""

from collections.abc import Callable

from bench import (
    beside,
    bucket,
    cached,
    complete,
    cores,
    gone,
    growth,
    history,
    ingest,
    many,
    memory,
    on_postgres,
    pages,
    readers,
    repeats,
    screens,
    small,
    stats,
    transfer,
    uploads,
    watches,
    webhooks,
    whole,
    workers,
)
from bench.plan import Plan
from bench.samples import Result

Measure = Callable[[Plan], list[Result]]

BENCHMARKS: dict[str, Measure] = {
    "ingest": ingest.measure,
    "complete": complete.measure,
    "repeats": repeats.measure,
    "growth": growth.measure,
    "small": small.measure,
    "many": many.measure,
    "pages": pages.measure,
    "cached": cached.measure,
    "cores": cores.measure,
    "screens": screens.measure,
    "whole": whole.measure,
    "readers": readers.measure,
    "beside": beside.measure,
    "transfer": transfer.measure,
    "time": history.measure,
    "gone": gone.measure,
    "stats": stats.measure,
    "memory": memory.measure,
    "bucket": bucket.measure,
    "uploads": uploads.measure,
    "postgres": on_postgres.measure,
    "watches": watches.measure,
    "webhooks": webhooks.measure,
    "workers": workers.measure,
}
