"""Kept uploads that the registry lacks: a request without an answer left them behind, or a failover
lost their rows. Once they are old enough, a worker requeues or removes them."""

import os
import signal
import time

from glyphd.importing.unrecorded import SETTLED_SECONDS, find_unrecorded
from glyphd.uploads import LocalUploads
from tests.chaos.clusters import Cluster

LOOK_SECONDS = 1.0


def let_settle(cluster: Cluster) -> None:
    """Makes files in a folder old enough; for a bucket, whose clock can't be set, waits until they
    are."""
    uploads = cluster.uploads
    if isinstance(uploads, LocalUploads):
        old = time.time() - 2 * SETTLED_SECONDS
        for path in uploads.folder.iterdir():
            os.utime(path, (old, old))
        return
    while _youngest_seconds(cluster) < SETTLED_SECONDS:
        time.sleep(LOOK_SECONDS)


def look_at_once(cluster: Cluster) -> None:
    """Restarts the workers, because a worker looks for orphans when it starts."""
    for worker in cluster.workers:
        worker.strike(signal.SIGTERM)


def count_orphans(cluster: Cluster) -> int:
    return len(find_unrecorded(cluster.uploads, cluster.registry))


def _youngest_seconds(cluster: Cluster) -> float:
    found = find_unrecorded(cluster.uploads, cluster.registry)
    ages = [cluster.uploads.age(f"{one.import_id}.json") for one in found]
    return min(ages, default=SETTLED_SECONDS)
