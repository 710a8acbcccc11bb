"""`python -m tests.chaos.several_machines`: the chaos run on several machines with a PostgreSQL
pair, a bucket and Redis; exit code 1 if a promise was broken."""

import os
import sys
from pathlib import Path
from random import SystemRandom
from tempfile import TemporaryDirectory

import click

from glyphd.settings import PREFIX
from tests.chaos.__main__ import EXIT_BROKEN
from tests.chaos.failovers import MachinesRun, run_machines

SYNCHRONOUS = "synchronous"


@click.command()
@click.option(
    "--rounds", default=20, show_default=True, help="How many rounds of uploads and failovers."
)
@click.option("--seed", type=int, help="The seed of the first round. Default: random.")
@click.option(
    "--standby",
    type=click.Choice([SYNCHRONOUS, "asynchronous"]),
    default=SYNCHRONOUS,
    show_default=True,
    help="Whether commits wait for the standby.",
)
def main(rounds: int, seed: int | None, standby: str) -> None:
    """Kill and freeze processes, the primary, bucket and Redis while clients upload, then check
    every row."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    first = SystemRandom().randrange(10**6) if seed is None else seed
    with TemporaryDirectory(prefix="bench-chaos-", dir=Path.cwd()) as folder:
        tally = run_machines(
            MachinesRun(
                rounds, first, Path(folder), click.echo, is_synchronous=standby == SYNCHRONOUS
            )
        )
    click.echo(tally.table(f"2 APIs, 3 workers, {standby} standby, SEED={first}"))
    if tally.findings.sentences():
        sys.exit(EXIT_BROKEN)


if __name__ == "__main__":
    main()
