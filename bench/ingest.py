"""Imports against those of the `sqlite3` shell and of `sqlite-utils`: the same file into a table
with four indexes."""

from dataclasses import dataclass, field
from pathlib import Path

from bench import peers
from bench.locks import watching
from bench.plan import MARKET_ROWS, Plan
from bench.samples import Result, at_least, at_most, per_second, seconds, spaced
from bench.service import Import, running_service

FEWER_ROWS = 100_000
ROUNDS = 3


@dataclass
class Times:
    """The imports and the seconds of each round."""

    first: list[Import] = field(default_factory=list)
    held: list[float] = field(default_factory=list)
    watching: list[float] = field(default_factory=list)
    second: list[Import] = field(default_factory=list)
    shell: list[float] = field(default_factory=list)
    shell_appended: list[float] = field(default_factory=list)


def measure(plan: Plan) -> list[Result]:
    files = [plan.offers(MARKET_ROWS, edition=edition) for edition in (0, 1)]
    times = Times()
    for _ in plan.rounds(ROUNDS):
        with plan.scratch() as folder:
            _import_both(folder / "data", files, times)
        with plan.scratch() as folder:
            _shell_both(folder / "peer.sqlite", files, times)
    return [*_against_the_shell(times, plan.rows(MARKET_ROWS)), _against_utils(plan)]


def _import_both(folder: Path, files: list[Path], times: Times) -> None:
    """Imports both files. The second one has every price of the first changed."""
    with running_service(folder) as service:
        # The worker starts its reader process with its first large file; this must not count.
        service.take_in(files[0], "?dry_run=true")
        with watching(service.archive) as watch:
            times.first.append(service.take_in(files[0]))
        times.held.append(watch.held_seconds)
        times.watching.append(watch.trying_seconds)
        times.second.append(service.take_in(files[1]))


def _shell_both(database: Path, files: list[Path], times: Times) -> None:
    peers.make_table(database)
    times.shell.append(peers.shell_import(database, files[0]))
    times.shell_appended.append(peers.shell_import(database, files[1]))


def _against_the_shell(times: Times, count: int) -> list[Result]:
    first, second = (
        seconds(one.seconds for one in imports) for imports in (times.first, times.second)
    )
    reported = seconds(one.reported_seconds for one in times.first)
    shell, appended = seconds(times.shell), seconds(times.shell_appended)
    rows = f"{spaced(count)} rows"
    return [
        Result(f"{rows} into an empty archive", first, "`sqlite3 .import`", shell, at_most(1.5)),
        Result("… received to finished, by its status", reported, "`sqlite3 .import`", shell),
        Result(
            "… its hold on the write lock",
            seconds(times.held),
            "that whole import",
            first,
            at_most(0.5),
        ),
        Result("… the work of watching it", seconds(times.watching), "that whole import", first),
        Result(
            "the same listings, every price changed",
            second,
            "`.import` into an empty table",
            shell,
            at_most(2.2),
        ),
        Result("… again", second, "`.import` behind the first file", appended),
    ]


def _against_utils(plan: Plan) -> Result:
    file, count = plan.offers(FEWER_ROWS), plan.rows(FEWER_ROWS)
    ours, theirs = [], []
    for _ in plan.rounds(ROUNDS):
        with plan.scratch() as folder:
            with running_service(folder / "data") as service:
                ours.append(service.take_in(file).rows_per_second)
            peers.make_table(folder / "peer.sqlite")
            theirs.append(count / peers.utils_insert(folder / "peer.sqlite", file))
    what = f"{spaced(count)} rows into an empty archive"
    return Result(
        what,
        per_second(ours, "rows"),
        "`sqlite-utils insert`",
        per_second(theirs, "rows"),
        at_least(8),
    )
