"""The commands for imports that were pushed before."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from glyphd_client.client import Client
from glyphd_client.command_options import PLAIN, Session, service_options
from glyphd_client.exit_codes import INTERRUPTED
from glyphd_client.following import Follower, Interrupted, Patience
from glyphd_client.outcomes import Outcome, error_line
from glyphd_client.reports import with_report
from glyphd_client.statuses import ChangeEffect

_import_id = click.argument("import_id")
_report = click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Save a copy of the file with the errors in front of each row.",
)
_reason = click.option("--reason", help="The reason; stored with the change.")


@click.command("status")
@_import_id
@service_options
def status(session: Session, client: Client, import_id: str) -> None:
    """Show the status of an import."""
    _finish(session, Follower(session, client, Patience(False)).follow(import_id))


@click.command("resume")
@_import_id
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Stop waiting after this time.",
)
@_report
@service_options
def resume(
    session: Session, client: Client, import_id: str, timeout: float | None, report: Path | None
) -> None:
    """Wait for an import that was pushed before."""
    try:
        outcome = Follower(session, client, Patience(True, timeout)).follow(import_id)
    except Interrupted:
        session.err.print(f"Interrupted: {session.hint(f'resume {import_id}')}", **PLAIN)
        sys.exit(INTERRUPTED)
    _finish(session, with_report(client, outcome, report, False))


@click.command("errors")
@_import_id
@_report
@service_options
def errors(session: Session, client: Client, import_id: str, report: Path | None) -> None:
    """List the row errors of an import, each with line and column."""
    name = client.status(import_id).filename or import_id
    for error in client.errors(import_id):
        line = json.dumps(vars(error)) if session.is_json else error_line(name, error)
        session.out.file.write(f"{line}\n")
    if report is not None:
        saved = client.report(import_id, report)
        session.err.print(f"report saved as {saved}", **PLAIN)


@click.command("rollback")
@_import_id
@_reason
@click.option("--check", is_flag=True, help="Only show what would change.")
@service_options
def rollback(
    session: Session, client: Client, import_id: str, reason: str | None, check: bool
) -> None:
    """Remove the rows of an import from the market."""
    if check:
        effect = client.rollback_effect(import_id)
        _tell(session, vars(effect), f"{import_id}: a rollback would have {_changes(effect)}")
        return
    done = client.rollback(import_id, reason)
    _tell(session, done.raw, f"{import_id}: rolled back")


@click.command("restore")
@_import_id
@_reason
@service_options
def restore(session: Session, client: Client, import_id: str, reason: str | None) -> None:
    """Restore the rows of an import that was rolled back."""
    done = client.restore(import_id, reason)
    _tell(session, done.raw, f"{import_id}: restored")


IMPORT_COMMANDS = (status, resume, errors, rollback, restore)


def _finish(session: Session, outcome: Outcome) -> None:
    session.show(outcome)
    sys.exit(outcome.exit_code)


def _tell(session: Session, data: Any, line: str) -> None:
    if session.is_json:
        session.out.file.write(json.dumps(data) + "\n")
    else:
        session.out.print(line, **PLAIN)


def _changes(effect: ChangeEffect) -> str:
    return ", ".join(f"{count} {name}" for name, count in vars(effect).items() if count)
