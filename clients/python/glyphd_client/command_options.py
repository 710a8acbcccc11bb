"""What every command of `glyphd-push` takes, and where it writes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import click
from rich.console import Console

from glyphd_client.addresses import DEFAULT_URL
from glyphd_client.client import RETRY_SECONDS, Client
from glyphd_client.errors import ClientError
from glyphd_client.exit_codes import (
    DONE,
    INTERRUPTED,
    STILL_RUNNING,
    TRY_LATER,
    exit_code_of,
)
from glyphd_client.outcomes import (
    Outcome,
    as_json,
    error_lines,
    printable,
    result_line,
    warning_lines,
)
from glyphd_client.progress_views import OpenView, view_for

Command = Callable[..., None]


@dataclass
class Session:
    """One run of a command: the service, and what is written where.

    Results go to stdout, everything else to stderr. `say` prints above the bars while there are
    some.
    """

    url: str
    is_json: bool
    out: Console
    err: Console
    open_view: OpenView
    say: Callable[[str], None]
    last_said: str = field(default="", init=False)

    def show(self, outcome: Outcome) -> None:
        """The result of one file or import."""
        if self.is_json:
            self.out.file.write(json.dumps(as_json(outcome)) + "\n")
            return
        for line in error_lines(outcome):
            self.complain(line)
        for line in warning_lines(outcome):
            self.err.print(line, style="yellow", **PLAIN)
        if outcome.report is not None:
            saved = printable(f"{outcome.name}: report saved as {outcome.report}")
            self.err.print(saved, **PLAIN)
        if outcome.exit_code in (DONE, STILL_RUNNING):
            self.out.print(result_line(outcome), **PLAIN)
        else:
            self.complain(result_line(outcome))
        if outcome.status is not None and outcome.exit_code in (STILL_RUNNING, TRY_LATER):
            self.err.print(
                f"to follow it: {self.hint(f'resume {outcome.status.import_id}')}", **PLAIN
            )

    def complain(self, line: str) -> None:
        self.err.print(line, style="red", **PLAIN)

    def retrying(self, reason: str, pause: float) -> None:
        """Says once why the same request is tried again and again."""
        if reason != self.last_said:
            self.say(f"{printable(reason)}; trying again")
        self.last_said = reason

    def hint(self, command: str) -> str:
        """A command line that works from here."""
        url = "" if self.url == DEFAULT_URL else f" --url {self.url}"
        return f"glyphd-push {command}{url}"


PLAIN: Mapping[str, Any] = {"markup": False, "highlight": False, "soft_wrap": True}


def service_options(command: Command) -> Command:
    """Gives the command a Session and a Client, and turns their errors into exit codes."""

    @click.option(
        "--url",
        envvar="GLYPHD_URL",
        default=DEFAULT_URL,
        show_default=True,
        show_envvar=True,
        help="Address of the service.",
    )
    @click.option(
        "--token",
        envvar="GLYPHD_TOKEN",
        show_envvar=True,
        help="Access token. Other users can see command lines, so prefer the variable.",
    )
    @click.option(
        "--retry-for",
        type=click.FloatRange(min=0),
        default=RETRY_SECONDS,
        show_default=True,
        metavar="SECONDS",
        help="Total time to pause between attempts, while the service is busy or unreachable.",
    )
    @click.option(
        "--json", "is_json", is_flag=True, help="Print results as JSON, one object per line."
    )
    @click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
    @wraps(command)
    def run(
        url: str, token: str | None, retry_for: float, is_json: bool, quiet: bool, **options: Any
    ) -> None:
        session = open_session(url, is_json=is_json, is_quiet=quiet)
        try:
            with Client(url, token, retry_for=retry_for, on_retry=session.retrying) as client:
                command(session, client, **options)
        except ClientError as error:
            session.show(Outcome("glyphd-push", error=error))
            sys.exit(exit_code_of(error))
        except KeyboardInterrupt:
            session.err.print("Interrupted.", **PLAIN)
            sys.exit(INTERRUPTED)

    return run


def open_session(url: str, *, is_json: bool, is_quiet: bool) -> Session:
    out, err = Console(), Console(stderr=True)

    def say(line: str) -> None:
        err.print(line, **PLAIN)

    return Session(url, is_json, out, err, view_for(err, is_quiet=is_quiet), say)
