"""`python -m tests.attacks [--seconds N] [--processes N] [NAME…]`: runs attacks and prints a table;
exit code 1 if a bound was broken."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from tests.attacks.assaults import ASSAULTS
from tests.attacks.sieges import HEAD, besiege

EXIT_BROKEN = 1


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(ASSAULTS)))
@click.option("--seconds", default=60.0, show_default=True, help="How long each attack lasts.")
@click.option("--processes", default=1, show_default=True, help="API processes of the service.")
def main(names: tuple[str, ...], seconds: float, processes: int) -> None:
    """Attack a service from other processes, and see whether it still serves everybody else."""
    click.echo(HEAD)
    is_broken = False
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for name in names or ASSAULTS:
            outcome = besiege(name, Path(folder) / name, seconds, processes)
            is_broken |= bool(outcome.broken)
            click.echo(outcome.row)
    if is_broken:
        sys.exit(EXIT_BROKEN)


if __name__ == "__main__":
    main()
