"""The blows of a round by name: kills of processes, and troubles of their environment."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from threading import Event

from glyphd.settings import Settings
from tests.chaos.clusters import Cluster
from tests.chaos.disks import why_nothing_can_be_mounted
from tests.chaos.tallies import Tally
from tests.chaos.troubles import NEEDS_MOUNTS, ONLY_POSTGRESQL, ONLY_SQLITE, TROUBLES

KILL = "kill"
FULL = "full"
BLOWS = (KILL, *TROUBLES)
MOST_TROUBLES = 2
LONGEST_PAUSE_SECONDS = 1.0
LASTING_SECONDS = (0.2, 0.5, 1.0, 3.0)


@dataclass(frozen=True)
class Blow:
    """One trouble: its name, the pause before it, and how long it lasts, in seconds."""

    name: str
    pause: float
    seconds: float


def without_impossible(names: frozenset[str], say: Callable[[str], None]) -> frozenset[str]:
    """The names without the blows that are impossible here; `say` reports those."""
    impossible = names & NEEDS_MOUNTS
    reason = why_nothing_can_be_mounted() if impossible else None
    if reason is None:
        return names
    say(f"!!! NOT DEALT HERE: {', '.join(sorted(impossible))}: {reason} !!!")
    return names - impossible


def blows_of(settings: Settings, names: frozenset[str]) -> list[str]:
    """Those of the named troubles that are possible on this database."""
    others = ONLY_SQLITE if settings.database_url else ONLY_POSTGRESQL
    return [name for name in TROUBLES if name in names and name not in others]


def make_blows(names: list[str], seed: int) -> list[Blow]:
    """One or two troubles in sequence. They have their own random numbers, so that a seed gives the
    same kills."""
    random = Random(f"troubles of {seed}")
    count = random.randint(1, MOST_TROUBLES) if names else 0
    return [
        Blow(
            random.choice(names),
            random.uniform(0, LONGEST_PAUSE_SECONDS),
            random.choice(LASTING_SECONDS),
        )
        for _ in range(count)
    ]


def deal(cluster: Cluster, blows: list[Blow], seed: int, ended: Event, tally: Tally) -> None:
    """Deals the blows one after another while clients are at work; each has ended before this
    returns."""
    random = Random(f"dealing of {seed}")
    for blow in blows:
        if ended.wait(blow.pause):
            return
        with TROUBLES[blow.name](cluster.settings, random):
            tally.count(f"trouble: {blow.name}")
            ended.wait(blow.seconds)
