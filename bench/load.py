"""Requests over several connections at the same time, sent by a separate process."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from bench.companions import companion
from bench.load_client import Job, Measured
from bench.samples import percentile


class Load(Measured):
    """The result of a load, as measured by the client."""

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
    """Runs the job for its own duration."""
    assert job.seconds is not None
    with under_load(job) as load:
        pass
    return load


@contextmanager
def under_load(job: Job) -> Iterator[Load]:
    """Runs until the block ends if the job has no duration of its own. The results are filled in
    afterwards."""
    load = Load()
    with companion("bench.load_client", line=json.dumps(asdict(job)) + "\n") as findings:
        yield load
    vars(load).update(findings)
