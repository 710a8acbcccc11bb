"""Kept uploads that the registry lacks: requests that got no answer left them behind, or a failover
lost their rows. A worker takes them up, or removes them, when they are old enough."""

import os
import signal
import time

from glyphd.importing.unrecorded import SETTLED_SECONDS, find_unrecorded
from glyphd.uploads import LocalUploads
from tests.chaos.clusters import Cluster

LOOK_SECONDS = 1.0


def let_settle(cluster: Cluster) -> None:
    """Makes what is kept in a folder old enough; what is in a bucket, whose clock nobody can set,
    becomes so."""
    uploads = cluster.uploads
    if isinstance(uploads, LocalUploads):
        old = time.time() - 2 * SETTLED_SECONDS
        for path in uploads.folder.iterdir():
            os.utime(path, (old, old))
        return
    while _youngest_seconds(cluster) < SETTLED_SECONDS:
        time.sleep(LOOK_SECONDS)


def look_at_once(cluster: Cluster) -> None:
    """Workers look for orphans when they start."""
    for worker in cluster.workers:
        worker.strike(signal.SIGTERM)


def count_orphans(cluster: Cluster) -> int:
    return len(find_unrecorded(cluster.uploads, cluster.registry))


def _youngest_seconds(cluster: Cluster) -> float:
    found = find_unrecorded(cluster.uploads, cluster.registry)
    ages = [cluster.uploads.age(f"{one.import_id}.json") for one in found]
    return min(ages, default=SETTLED_SECONDS)
