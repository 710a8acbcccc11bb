"""`python -m tests.chaos`: runs the chaos suite and prints its table; exit code 1 if a promise was
broken."""

import os
import sys
from pathlib import Path
from random import SystemRandom
from tempfile import TemporaryDirectory

import click

from glyphd.settings import PREFIX
from tests.chaos.blows import BLOWS, without_impossible
from tests.chaos.databases import database_kind
from tests.chaos.rounds import Run, run_chaos

EXIT_BROKEN = 1


@click.command()
@click.option(
    "--rounds", default=20, show_default=True, help="How many rounds of uploads and kills."
)
@click.option(
    "--database", type=click.Choice(["sqlite", "postgresql"]), default="sqlite", show_default=True
)
@click.option("--workers", default=1, show_default=True, help="How many worker processes.")
@click.option(
    "--seed",
    type=int,
    help="The seed of the first round; each round's is one more. Default: random.",
)
@click.option(
    "--blows", default=" ".join(BLOWS), show_default=True, help="Which blows may fall, by name."
)
def main(rounds: int, database: str, workers: int, seed: int | None, blows: str) -> None:
    """Kill processes and trouble their surroundings while clients upload, then check every row."""
    chosen = frozenset(blows.split())
    if not chosen <= frozenset(BLOWS):
        raise click.BadParameter(
            f"unknown: {' '.join(sorted(chosen - frozenset(BLOWS)))}", param_hint="--blows"
        )
    chosen = without_impossible(chosen, click.echo)
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    first = SystemRandom().randrange(10**6) if seed is None else seed
    # Not in the system's temporary folder, which may be in memory.
    with (
        database_kind(database) as make_settings,
        TemporaryDirectory(prefix="bench-chaos-", dir=Path.cwd()) as folder,
    ):
        tally = run_chaos(
            Run(rounds, workers, first, make_settings, Path(folder), say=click.echo, blows=chosen)
        )
    click.echo(
        tally.table(f"{database}, {workers} worker{'s' if workers > 1 else ''}, SEED={first}")
    )
    if tally.findings.sentences():
        sys.exit(EXIT_BROKEN)


if __name__ == "__main__":
    main()
