"""The monkey: kills processes at random moments, but never so often that an import may be
abandoned."""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from threading import Event

from tests.chaos.clusters import Cluster
from tests.chaos.keeping import Keeper
from tests.chaos.tallies import Tally

MOST_KILLS = 4
"""Per round. No import is unfinished when a round starts or ends, and an import fails after five
lost attempts."""

MOST_STOPS = 2
LONGEST_PAUSE_SECONDS = 0.6
LONGEST_WATCH_SECONDS = 0.8
LOOK_SECONDS = 0.003
LATER_SECONDS = (0.0, 0.0, 0.0, 0.01, 0.05, 0.15)
"""How long after the awaited moment the monkey strikes."""

AIMS = (
    ("api", "any"),
    ("api", "receiving"),
    ("worker", "any"),
    ("worker", "importing"),
    ("workers", "importing"),
    ("workers", "committed"),
    ("all", "receiving"),
    ("all", "importing"),
)
"""Targets and moments: any time, while an upload is being received, while an import runs, or just
after one has committed."""


@dataclass(frozen=True)
class Strike:
    """One strike: its target, the signal, the pause before it, the moment to wait for, and the
    delay after that."""

    target: str
    number: signal.Signals
    pause: float
    moment: str
    later: float


def make_plan(random: Random) -> list[Strike]:
    """Two to four kills and up to two stops, in any order."""
    kills = [signal.SIGKILL] * random.randint(2, MOST_KILLS)
    numbers = kills + [signal.SIGTERM] * random.randint(0, MOST_STOPS)
    random.shuffle(numbers)
    return [_make_strike(number, random) for number in numbers]


def _make_strike(number: signal.Signals, random: Random) -> Strike:
    target, moment = random.choice(AIMS)
    return Strike(
        target,
        number,
        random.uniform(0, LONGEST_PAUSE_SECONDS),
        moment,
        random.choice(LATER_SECONDS),
    )


class Monkey:
    """Carries out a plan while clients are at work."""

    def __init__(self, cluster: Cluster, random: Random, tally: Tally) -> None:
        self._cluster = cluster
        self._random = random
        self._tally = tally

    def rage(self, plan: list[Strike], ended: Event) -> None:
        """Strikes until the plan is complete or the round is over."""
        for strike in plan:
            if ended.wait(strike.pause):
                return
            self._await(self._condition(strike.moment), ended)
            ended.wait(strike.later)
            for keeper in self._targets(strike.target):
                if keeper.strike(strike.number):
                    self._tally.count_strike(keeper is self._cluster.api, strike.number)

    def _await(self, moment: Callable[[], bool], ended: Event) -> None:
        deadline = time.monotonic() + LONGEST_WATCH_SECONDS
        while not moment() and time.monotonic() < deadline and not ended.is_set():
            time.sleep(LOOK_SECONDS)

    def _condition(self, moment: str) -> Callable[[], bool]:
        cluster = self._cluster
        batches = cluster.count_batches()
        conditions: dict[str, Callable[[], bool]] = {
            "any": lambda: True,
            "receiving": lambda: any(cluster.settings.uploads_dir.glob("*.part")),
            "importing": lambda: "running" in cluster.statuses(),
            "committed": lambda: cluster.count_batches() > batches,
        }
        return conditions[moment]

    def _targets(self, name: str) -> list[Keeper]:
        api, workers = self._cluster.api, self._cluster.workers
        named = {
            "api": [api],
            "worker": [self._random.choice(workers)],
            "workers": workers,
            "all": [api, *workers],
        }
        return named[name]
