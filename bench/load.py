"""Requests over several connections at the same time, from a process of its own."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from bench.companions import companion
from bench.load_client import Job, Measured
from bench.samples import percentile


class Load(Measured):
    """What a load came to, seen by its client."""

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    @property
    def p50(self) -> float:
        return percentile(self.latencies, 50)

    @property
    def p99(self) -> float:
        return percentile(self.latencies, 99)


def run_load(job: Job) -> Load:
    """For the job's own time."""
    assert job.seconds is not None
    with under_load(job) as load:
        pass
    return load


@contextmanager
def under_load(job: Job) -> Iterator[Load]:
    """For as long as the block runs, when the job has no time of its own; what is measured is known
    afterwards."""
    load = Load()
    with companion("bench.load_client", line=json.dumps(asdict(job)) + "\n") as findings:
        yield load
    vars(load).update(findings)
