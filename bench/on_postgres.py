"""The archive on PostgreSQL: imports against `psql \\copy` into a table with four indexes, and
pages that no one has requested before against those of an archive in a file."""

import shutil
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench.load import Load
from bench.peers import COLUMN_LIST, INDEXES, Missing
from bench.plan import MARKET_ROWS, Plan
from bench.postgres import new_database, on_empty_database, running_postgres
from bench.samples import Result, at_most, milliseconds, per_second, seconds, spaced
from bench.service import Import, Running, running_service
from bench.unseen import Unseen

ROUNDS = 2
TABLE = """CREATE TABLE listings (
    model text, price_usd double precision, condition text, quantity bigint, min_order_qty bigint,
    seller text, region text, vram_gb bigint, mig_capable bigint, score double precision,
    heuristics text, seen_at text, source_url text, source_type text
);
"""


@dataclass
class Times:
    """The measurements of each round."""

    first: list[Import] = field(default_factory=list)
    second: list[Import] = field(default_factory=list)
    copied: list[float] = field(default_factory=list)
    pages: list[Load] = field(default_factory=list)
    pages_of_file: list[Load] = field(default_factory=list)


def measure(plan: Plan) -> list[Result]:
    times, unseen = Times(), Unseen()
    files = [plan.offers(MARKET_ROWS, edition=edition) for edition in (0, 1)]
    with running_postgres() as server_url, ExitStack() as stack:
        market = stack.enter_context(plan.market())
        in_a_file = stack.enter_context(running_service(market, worker=False))
        for _ in plan.rounds(ROUNDS):
            times.copied.append(_copy(new_database(server_url), files[0]))
            with (
                on_empty_database(server_url),
                plan.scratch() as folder,
                running_service(folder / "data") as service,
            ):
                times.first.append(service.take_in(files[0]))
                _ask_both(plan, unseen, (service, in_a_file), times)
                times.second.append(service.take_in(files[1]))
    return _results(times, plan.rows(MARKET_ROWS))


def _ask_both(plan: Plan, unseen: Unseen, services: tuple[Running, Running], times: Times) -> None:
    on_postgres, in_a_file = services
    on_postgres.rest()
    times.pages.append(unseen.load(plan, on_postgres.port))
    times.pages_of_file.append(unseen.load(plan, in_a_file.port))


def _copy(url: str, csv: Path) -> float:
    """Seconds that `psql` takes to copy the file into a new table."""
    psql = shutil.which("psql")
    if psql is None:
        raise Missing("psql is missing: `apt-get install postgresql-client`")
    command = [psql, "--quiet", "--no-psqlrc", "-v", "ON_ERROR_STOP=1", url]
    subprocess.run(command, input=TABLE + INDEXES, text=True, check=True)
    script = f"\\copy listings ({COLUMN_LIST}) FROM '{csv}' WITH (FORMAT csv, HEADER true)\n"
    began = time.perf_counter()
    subprocess.run(command, input=script, text=True, check=True)
    return time.perf_counter() - began


def _results(times: Times, count: int) -> list[Result]:
    first, second = (
        seconds(one.seconds for one in imports) for imports in (times.first, times.second)
    )
    copied = seconds(times.copied)
    loads = (times.pages, times.pages_of_file)
    rates = [per_second((load.per_second for load in each), "requests") for each in loads]
    middles = [milliseconds(load.p50 for load in each) for each in loads]
    tails = [milliseconds(load.p99 for load in each) for each in loads]
    rows, file = f"{spaced(count)} rows", "an archive in a file"
    return [
        Result(f"{rows} into an empty archive", first, "`psql \\copy`", copied, at_most(1.5)),
        Result("the same listings, every price changed", second, "`psql \\copy`", copied),
        Result("unseen pages, p50", middles[0], file, middles[1], at_most(1.5)),
        Result("… p99", tails[0], file, tails[1]),
        Result("… in a second", rates[0], file, rates[1]),
    ]
