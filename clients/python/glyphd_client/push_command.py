"""`glyphd-push offers.csv …`"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import click

from glyphd_client.client import Client
from glyphd_client.command_options import PLAIN, Session, service_options
from glyphd_client.errors import InvalidUse, NotAllowed, TryLater
from glyphd_client.exit_codes import INTERRUPTED, worst
from glyphd_client.following import Follower, Interrupted, Patience
from glyphd_client.options import PushOptions
from glyphd_client.outcomes import Outcome
from glyphd_client.reports import with_report

STDIN = Path("-")
STDIN_NAME = "stdin.csv"
HOPELESS = (InvalidUse, NotAllowed, TryLater)
"""What the next file would meet too."""


@click.command("push", hidden=True)
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
)
@click.option("--source", help="Where the files come from, such as nightly.")
@click.option("--description", help="Free text, stored with the import.")
@click.option("--wait", "is_waiting", is_flag=True, help="Wait until it is imported.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Stop waiting after this time; default: no limit.",
)
@click.option("--check", is_flag=True, help="Check every row, write nothing.")
@click.option("--skip-bad-rows", is_flag=True, help="Leave bad rows out, import the others.")
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="If a file has row errors, save a copy there with the errors in front of each row; for "
    "several files, a folder.",
)
@click.option(
    "--delimiter", type=click.Choice([",", ";", "tab", "|"]), help="Separator between cells."
)
@click.option("--encoding", help="Such as cp1252; UTF-8 by default.")
@click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="COLUMN:NAME",
    help="The file's name of a column, such as 'price_usd:Retail Price'. Repeatable.",
)
@click.option("--skip-lines", type=click.IntRange(0, 100), help="Lines before the header.")
@click.option("--decimal", type=click.Choice(["point", "comma"]), help="1299.50 or 1.299,50.")
@click.option("--complete", is_flag=True, help="The file lists everything that its source offers.")
@click.option(
    "--allow-shrink",
    is_flag=True,
    help="With --complete: it may have less than half of the previous rows.",
)
@click.option("--filename", help="Name to store instead of the file's own.")
@click.option(
    "--key",
    help="Idempotency-Key. By default, the same bytes with the same options are one import.",
)
@click.option("--no-gzip", is_flag=True, help="Don't compress.")
@service_options
def push(session: Session, client: Client, files: Sequence[Path], **asked: Any) -> None:
    """Send CSV files to glyphd, one after another."""
    if len(files) > 1 and (asked["key"] or asked["filename"]):
        raise click.UsageError("--key and --filename are for a single file")
    timeout = asked["timeout"]
    is_waiting = asked["is_waiting"] or asked["check"] or timeout is not None
    follower = Follower(session, client, Patience(is_waiting, timeout))
    outcomes: list[Outcome] = []
    for file in files:
        try:
            with _stored(file) as stored:
                outcome = follower.push(stored, str(file), _options(asked))
            outcomes.append(with_report(client, outcome, asked["report"], len(files) > 1))
        except Interrupted as interrupted:
            _say_how_to_resume(session, file, interrupted.import_id, files[len(outcomes) + 1 :])
            sys.exit(INTERRUPTED)
        session.show(outcomes[-1])
        if isinstance(outcomes[-1].error, HOPELESS):
            break
    _sum_up(session, outcomes, len(files))
    sys.exit(worst(outcome.exit_code for outcome in outcomes))


def _options(asked: dict[str, Any]) -> PushOptions:
    """The command's options as the library has them."""
    names = ("source", "description", "delimiter", "encoding", "skip_lines", "decimal", "key")
    given = {name: asked[name] for name in (*names, "complete", "allow_shrink", "filename")}
    return cast(
        PushOptions,
        given
        | {
            "map": asked["maps"],
            "on_error": "skip" if asked["skip_bad_rows"] else "abort",
            "dry_run": asked["check"],
            "gzip": not asked["no_gzip"],
        },
    )


@contextmanager
def _stored(file: Path) -> Iterator[Path]:
    """The file itself; what comes from stdin is stored, since it is read more than once."""
    if file != STDIN:
        yield file
        return
    with TemporaryDirectory(prefix="glyphd-") as folder:
        kept = Path(folder) / STDIN_NAME
        with kept.open("wb") as stream:
            shutil.copyfileobj(sys.stdin.buffer, stream)
        yield kept


def _say_how_to_resume(
    session: Session, file: Path, import_id: str | None, others: Sequence[Path]
) -> None:
    err = session.err
    if import_id is None:
        err.print(f"Interrupted while sending {file}. Run the same command again:", **PLAIN)
        err.print("it creates only one import.", **PLAIN)
    else:
        err.print("Interrupted. The import continues without this command; to follow it:", **PLAIN)
        err.print(f"  {session.hint(f'resume {import_id}')}", **PLAIN)
    if others:
        err.print(f"Not sent yet: {', '.join(map(str, others))}", **PLAIN)


def _sum_up(session: Session, outcomes: Sequence[Outcome], count: int) -> None:
    """One line for several files."""
    if count == 1 or session.is_json:
        return
    fine = sum(outcome.error is None for outcome in outcomes)
    unsent = count - len(outcomes)
    left = f", {unsent} not sent" if unsent else ""
    session.err.print(f"{fine} of {count} files succeeded{left}", **PLAIN)
