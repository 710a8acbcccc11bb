"""One attack on one fresh service, measured while it runs and checked again ten seconds later."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random

from glyphd.settings import MIB, Settings
from tests.attacks.probes import (
    HEALTH_SECONDS,
    SERVED_SECONDS,
    Measured,
    ask,
    measuring,
    percentile,
)
from tests.chaos.clients import send
from tests.chaos.clusters import Cluster, WaitedInVain, running_cluster, until
from tests.chaos.disks import small_disk
from tests.chaos.files import make_file

DISK_BYTES = 1024 * MIB
RESERVE = 128 * MIB
# Uploads and answers leave the reserve free; it is meant for the growth of the databases.
DATABASES_GROW = 16 * MIB
WELL_SECONDS = 10.0
ENOUGH_ROWS = 20_000
BAD_ROWS = b"model,price_usd,score\n" + b"RTX_4090,none,0.5\n" * 20_000
NEVER_REFUSED = (
    "trickled_promises",
    "trickled_chunks",
    "trickled_small_bodies",
    "idle_connections",
)
"""Attacks during which no small upload may be answered with 503."""

RUNNERS = {"spent_descriptors": ("tests.attacks.few_descriptors",)}


@dataclass(frozen=True)
class Outcome:
    """The result of an attack: its measurements, and the bounds that were broken."""

    name: str
    measured: Measured
    broken: list[str]

    @property
    def row(self) -> str:
        """A row of the table in Markdown."""
        found = self.measured
        times = (
            f"{percentile(found.health):.2f} | {max(found.uploads):.2f} | {max(found.pages):.2f}"
        )
        refused = (
            f"{found.refused} of {len(found.uploads)} | {found.large_refused} of {found.large}"
        )
        return (
            f"| {self.name} | {times} | {refused} | {found.memory // MIB} | "
            f"{'; '.join(self.broken) or 'holds'} |"
        )


HEAD = (
    "| attack | health p99, s | upload, s | page, s | uploads 503 | of 1 MiB | MiB | |\n"
    "|---|--:|--:|--:|--:|--:|--:|---|"
)


def besiege(name: str, folder: Path, seconds: float, processes: int = 1) -> Outcome:
    """Starts a service with this many API processes on a disk of its own, attacks it, and returns
    the outcome."""
    folder.mkdir()
    with small_disk(folder / "disk", DISK_BYTES) as disk:
        settings = Settings(data_dir=disk.folder / "data", processes=processes)
        with running_cluster(settings, folder, runner=RUNNERS.get(name, ())) as cluster:
            until(cluster.answers)
            rows, failed = _prepare(cluster)
            keepers = [cluster.api, *cluster.workers]
            with measuring(cluster.port, keepers, disk.folder) as measured:
                attack = [name, str(cluster.port), rows, failed, str(seconds)]
                subprocess.run(
                    [sys.executable, "-m", "tests.attacks.assaults", *attack], check=True
                )
            broken = measured.broken(RESERVE - DATABASES_GROW, processes) + _not_well(cluster)
        if name in NEVER_REFUSED and measured.refused:
            broken.append(f"{measured.refused} small uploads were refused")
        broken += [f"a process ended with exit code {code}" for code in cluster.disorderly_exits()]
    return Outcome(name, measured, broken)


def _prepare(cluster: Cluster) -> tuple[str, str]:
    """Imports enough rows for large answers, and a file with only errors; returns the ids of both
    imports."""
    rows = send(cluster, make_file("rows", Random(1), size=ENOUGH_ROWS), Random(1)).import_id
    answer = cluster.request(
        "POST", "/api/import", BAD_ROWS, Content_Type="text/csv", Prefer="respond-async"
    )
    until(lambda: not cluster.statuses())
    return rows, str(answer.json["import_id"])


def _not_well(cluster: Cluster) -> list[str]:
    """What is still wrong ten seconds after the attack."""
    try:
        until(lambda: _is_well(cluster), WELL_SECONDS)
    except WaitedInVain:
        return [f"not well {WELL_SECONDS:.0f} s after"]
    return []


def _is_well(cluster: Cluster) -> bool:
    port, body = cluster.port, b"model,price_usd,score\nA100,1,0.5\n"
    return (
        ask(port, "GET", "/api/health", (200,)) < HEALTH_SECONDS
        and ask(port, "GET", "/api/ready", (200,)) < SERVED_SECONDS
        and ask(port, "POST", "/api/import", (202,), body) < SERVED_SECONDS
        and ask(port, "GET", "/api/listings?limit=10", (200,)) < SERVED_SECONDS
    )
