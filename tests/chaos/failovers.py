"""Rounds on several machines: clients upload while processes, the primary, the bucket and Redis are
killed or frozen, and a standby takes over."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from tests.chaos.checks import Checker
from tests.chaos.clusters import WaitedInVain, until
from tests.chaos.files import make_file
from tests.chaos.keeping import Keeper
from tests.chaos.machines import Machines, MakePart, bucket, redis, running_machines
from tests.chaos.orphans import count_orphans, let_settle, look_at_once
from tests.chaos.rounds import CLIENTS, FILES_OF_A_CLIENT, REFUSED_START, work
from tests.chaos.tallies import Tally
from tests.chaos.watch_checks import add_watches
from tests.postgres_pair import PostgresPair, running_pair

LAG_SECONDS = 1.5
"""How far an asynchronous standby lags behind when the primary dies."""

AWAY = ("glyphd: PostgreSQL does not answer", "glyphd: the bucket for uploads does not answer")
"""What a process may log that exits with REFUSED_START."""

ROUNDS_OF_A_PAIR = 10
MOST_BLOWS = 4
LONGEST_PAUSE_SECONDS = 1.0
FREEZE_SECONDS = (0.3, 1.0, 3.0, 12.0)
"""The longest is longer than a worker's heartbeat may be delayed."""


@dataclass(frozen=True)
class MachinesRun:
    """The size and the settings of a run. Round `n` has the seed `seed + n`."""

    rounds: int
    seed: int
    folder: Path
    say: Callable[[str], None]
    is_synchronous: bool = True
    parts: Sequence[MakePart] = (bucket, redis)


def run_machines(run: MachinesRun) -> Tally:
    """Runs the rounds, ten for each pair of servers. Each round reports its findings when it ends.
    A run stopped by Ctrl-C returns what it has found so far."""
    tally = Tally()
    with suppress(KeyboardInterrupt):
        _run_rounds(run, tally)
    return tally


def _run_rounds(run: MachinesRun, tally: Tally) -> None:
    began = time.monotonic()
    for first in range(0, run.rounds, ROUNDS_OF_A_PAIR):
        with _fresh_machines(run) as (machines, pair):
            tally.count("archives begun empty")
            checker = Checker(machines, tally, may_forget=not run.is_synchronous)
            for number in range(first, min(first + ROUNDS_OF_A_PAIR, run.rounds)):
                _Round(run, machines, pair, run.seed + number).run(checker)
                tally.seconds = time.monotonic() - began


@contextmanager
def _fresh_machines(run: MachinesRun) -> Iterator[tuple[Machines, PostgresPair]]:
    with (
        TemporaryDirectory(dir=run.folder, ignore_cleanup_errors=True) as name,
        running_pair(is_synchronous=run.is_synchronous) as pair,
    ):
        database = f"glyphd_chaos_{uuid4().hex}"
        pair.ask_primary(f"CREATE DATABASE {database}")
        with running_machines(pair, database, Path(name), run.parts) as machines:
            add_watches(machines)
            yield machines, pair


class _Round:
    def __init__(self, run: MachinesRun, machines: Machines, pair: PostgresPair, seed: int) -> None:
        self._run = run
        self._machines = machines
        self._pair = pair
        self._seed = seed
        self._random = Random(f"blows of {seed}")
        self._dealt: list[str] = []

    def run(self, checker: Checker) -> None:
        began = time.monotonic()
        random, tally = Random(self._seed), checker.tally
        files = [
            [
                make_file(f"{self._seed}-{at}-{number}", random)
                for number in range(FILES_OF_A_CLIENT)
            ]
            for at in range(CLIENTS)
        ]
        with ThreadPoolExecutor(CLIENTS) as threads:
            works: list[Future[Any]] = [
                threads.submit(work, self._machines, mine, Random(self._seed + at), tally)
                for at, mine in enumerate(files)
            ]
            # The blows are dealt in this thread, because it lives as long as the servers.
            self._rage(tally)
            outcomes = [one.result() for one in works]
        if not self._run.is_synchronous:
            self._await_orphans(tally)
        found = checker.check(
            [file for mine in files for file in mine],
            [sent for mine, _ in outcomes for sent in mine],
        )
        found.lost += [refusal for _, refusals in outcomes for refusal in refusals]
        found.wrong += self._wrong_ends(tally)
        tally.count("rounds")
        tally.findings.add(found)
        said = found.sentences()
        took = f"{time.monotonic() - began:.0f} s"
        blows, result = ", ".join(self._dealt), "; ".join(said) or "right"
        self._run.say(f"SEED={self._seed}, {took}: {blows}: {result}")
        if said:
            self._run.say("\n".join(self._machines.logged_errors()))

    def _wrong_ends(self, tally: Tally) -> list[str]:
        """Processes that ended by themselves since the last round, with their messages, except
        those that could not start while a server was down."""
        codes = [code for code in self._machines.forget_exits() if code != os.EX_TEMPFAIL]
        others = [line for line in self._machines.refusals() if not line.startswith(AWAY)]
        if others:
            return [f"a process ended with exit code {code}: {others}" for code in codes]
        started_again = "processes that could not start then, started again"
        tally.count(started_again, codes.count(REFUSED_START))
        return [f"a process ended with exit code {code}" for code in codes if code != REFUSED_START]

    def _rage(self, tally: Tally) -> None:
        """Two to four blows in sequence, of which at least one is at the primary."""
        troubles = {
            name: trouble
            for part in self._machines.parts
            for name, trouble in part.troubles.items()
        }
        names = [*_BLOWS, *troubles]
        chosen = [
            *self._random.choices(names, k=self._random.randint(1, MOST_BLOWS - 1)),
            "primary",
        ]
        self._random.shuffle(chosen)
        for name in chosen:
            time.sleep(self._random.uniform(0, LONGEST_PAUSE_SECONDS))
            if name in troubles:
                troubles[name](self._random.choice(FREEZE_SECONDS))
                self._dealt.append(name)
            else:
                self._dealt.append(_BLOWS[name](self))
            tally.count(self._dealt[-1])

    def kill(self, keepers: list[Keeper], who: str) -> str:
        for keeper in keepers:
            keeper.strike(signal.SIGKILL)
        return f"`kill -9` of {who}"

    def freeze(self, keeper: Keeper, who: str) -> str:
        """Stops one process for a while, and then continues it."""
        if keeper.strike(signal.SIGSTOP):
            time.sleep(self._random.choice(FREEZE_SECONDS))
            keeper.strike(signal.SIGCONT)
        return f"{who} frozen"

    def kill_api(self) -> str:
        return self.kill([self._random.choice(self._machines.apis)], "an API")

    def kill_worker(self) -> str:
        return self.kill([self._random.choice(self._machines.workers)], "a worker")

    def kill_all(self) -> str:
        return self.kill(self._machines.keepers, "all processes")

    def freeze_api(self) -> str:
        return self.freeze(self._random.choice(self._machines.apis), "an API")

    def freeze_worker(self) -> str:
        return self.freeze(self._random.choice(self._machines.workers), "a worker")

    def strike_primary(self) -> str:
        """Usually a failover; sometimes the primary is only frozen for a while, or the standby is
        killed."""
        manner = self._random.random()
        if manner < 0.15:
            self._pair.primary.freeze()
            time.sleep(self._random.choice(FREEZE_SECONDS[:3]))
            self._pair.primary.thaw()
            return "the primary frozen"
        if manner < 0.3:
            self._pair.standby.kill()
            time.sleep(self._random.uniform(0, LONGEST_PAUSE_SECONDS))
            self._pair.restart_standby()
            return "`kill -9` of the standby"
        return self._fail_over(is_frozen=manner < 0.6)

    def _fail_over(self, *, is_frozen: bool) -> str:
        if not self._run.is_synchronous:
            # The link is down: from now on only the primary has what it commits.
            self._pair.standby.stop(signal.SIGINT)
            time.sleep(LAG_SECONDS)
        if is_frozen:
            self._pair.primary.freeze()
            time.sleep(self._random.choice(FREEZE_SECONDS[:3]))
        self._pair.primary.kill()
        if not self._run.is_synchronous:
            self._pair.restart_standby()
        self._pair.promote()
        time.sleep(self._random.uniform(0, LONGEST_PAUSE_SECONDS))
        self._pair.renew_standby()
        return f"failover from a {'frozen' if is_frozen else 'killed'} primary"

    def _await_orphans(self, tally: Tally) -> None:
        """No upload is in flight any more, so every orphan is recovered once it is old enough.

        Workers that have noticed a failover look often; the others are restarted so that they look.
        """
        tally.count("uploads that a failover made orphans", count_orphans(self._machines))
        let_settle(self._machines)
        if not any(blow.startswith("failover") for blow in self._dealt):
            look_at_once(self._machines)
        with suppress(WaitedInVain):  # if there are still some, the checks report them
            until(lambda: not count_orphans(self._machines))


_BLOWS: dict[str, Callable[[_Round], str]] = {
    "api": _Round.kill_api,
    "worker": _Round.kill_worker,
    "all": _Round.kill_all,
    "frozen api": _Round.freeze_api,
    "frozen worker": _Round.freeze_worker,
    "primary": _Round.strike_primary,
}
