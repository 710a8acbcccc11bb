"""Rounds of chaos: clients upload, the monkey rages, and then everything is counted."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from threading import Event

from glyphd.settings import MIB, Settings
from tests.chaos.blows import BLOWS, FULL, KILL, blows_of, deal, make_blows
from tests.chaos.checks import Checker
from tests.chaos.clients import NotAnswered, Sent, send
from tests.chaos.clusters import Cluster, running_cluster
from tests.chaos.disks import small_disk
from tests.chaos.files import GivenFile, make_file
from tests.chaos.monkeys import Monkey, make_plan
from tests.chaos.tallies import Tally
from tests.chaos.watch_checks import add_watches

CLIENTS = 3
FILES_OF_A_CLIENT = 2
ROUNDS_OF_AN_ARCHIVE = 10
DISK_BYTES = 512 * MIB
REFUSED_START = 2
"""The exit code of a service that can't start because of a trouble; it is restarted."""

TWICE_SHARE = 0.3
"""This share of the files is sent again after the answer, and the same share by two clients at
once."""

MakeSettings = Callable[[Path], AbstractContextManager[Settings]]
"""Settings for a fresh service in a folder."""


@dataclass(frozen=True)
class Run:
    """The size and the settings of a run. Round `n` has the seed `seed + n`; with that seed it is
    the first round."""

    rounds: int
    workers: int
    seed: int
    make_settings: MakeSettings
    folder: Path
    clients: int = CLIENTS
    say: Callable[[str], None] = print
    blows: frozenset[str] = frozenset(BLOWS)


def run_chaos(run: Run) -> Tally:
    """Runs the rounds, ten on each archive; each archive starts empty."""
    tally = Tally()
    began = time.monotonic()
    for first in range(0, run.rounds, ROUNDS_OF_AN_ARCHIVE):
        with _fresh_cluster(run) as cluster:
            tally.count("archives begun empty")
            add_watches(cluster)
            checker = Checker(cluster, tally)
            for number in range(first, min(first + ROUNDS_OF_AN_ARCHIVE, run.rounds)):
                _run_round(cluster, checker, run, run.seed + number)
        exits = [
            code
            for code in cluster.disorderly_exits()
            if run.blows == {KILL} or code != REFUSED_START
        ]
        tally.findings.wrong += [f"a process ended with exit code {code}" for code in exits]
        run.say(
            f"{tally['rounds']} rounds, {tally['files uploaded']} files in "
            f"{time.monotonic() - began:.0f} s"
        )
    tally.seconds = time.monotonic() - began
    return tally


@contextmanager
def _fresh_cluster(run: Run) -> Iterator[Cluster]:
    with TemporaryDirectory(dir=run.folder, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with (
            _disk_of(run, folder / "disk") as disk,
            run.make_settings(disk / "data") as settings,
            running_cluster(settings, folder, workers=run.workers) as cluster,
        ):
            yield cluster


@contextmanager
def _disk_of(run: Run, folder: Path) -> Iterator[Path]:
    """The folder for the data: on its own disk if the disk is to be filled, otherwise a plain
    folder."""
    if FULL in run.blows:
        with small_disk(folder, DISK_BYTES) as disk:
            yield disk.folder
    else:
        folder.mkdir()
        yield folder


def _run_round(cluster: Cluster, checker: Checker, run: Run, seed: int) -> None:
    random = Random(seed)
    tally = checker.tally
    files = [
        [make_file(f"{seed}-{client}-{number}", random) for number in range(FILES_OF_A_CLIENT)]
        for client in range(run.clients)
    ]
    plan = make_plan(random) if KILL in run.blows else []
    blows = make_blows(blows_of(cluster.settings, run.blows), seed)
    ended = Event()
    with ThreadPoolExecutor(run.clients + 2) as threads:
        dealing = threads.submit(deal, cluster, blows, seed, ended, tally)
        raging = threads.submit(Monkey(cluster, Random(seed), tally).rage, plan, ended)
        works = [
            threads.submit(work, cluster, mine, Random(seed + at), tally)
            for at, mine in enumerate(files)
        ]
        outcomes = [work.result() for work in works]
        raging.result()
        dealing.result()
    found = checker.check(
        [file for mine in files for file in mine], [sent for mine, _ in outcomes for sent in mine]
    )
    found.lost += [refusal for _, refusals in outcomes for refusal in refusals]
    tally.count("rounds")
    tally.findings.add(found)
    if found.sentences():
        run.say(
            "\n".join(
                [
                    f"round with SEED={seed} failed; its plan: {plan} {blows}",
                    *found.sentences(),
                    *cluster.logged_errors(),
                ]
            )
        )


def work(
    cluster: Cluster, files: list[GivenFile], random: Random, tally: Tally
) -> tuple[list[Sent], list[str]]:
    """One client: sends its files one after another, some of them twice. Returns what was sent, and
    the refusals."""
    done, refusals = [], []
    for file in files:
        tally.count("files uploaded")
        tally.count("of them with rows that are refused", bool(file.bad_rows))
        try:
            done += _send_somehow(cluster, file, random)
        except NotAnswered as refusal:
            refusals.append(str(refusal))
    for sent in done:
        tally.count("tries that got no answer, sent again", sent.tries - 1)
        tally.count("answers that were replays", sent.is_replayed)
    return done, refusals


def _send_somehow(cluster: Cluster, file: GivenFile, random: Random) -> list[Sent]:
    """Sends the file once, twice in sequence, or twice at the same time."""
    manner = random.random()
    if manner < TWICE_SHARE:
        return [send(cluster, file, random), send(cluster, file, random)]
    if manner < 2 * TWICE_SHARE:
        with ThreadPoolExecutor(2) as threads:
            return list(threads.map(lambda seed: send(cluster, file, Random(seed)), (1, 2)))
    return [send(cluster, file, random)]
