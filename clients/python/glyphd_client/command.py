"""The command `glyphd-push`: files to push, or the name of another command."""

import signal
import sys
from importlib.metadata import version
from types import FrameType
from typing import NoReturn

import click

from glyphd_client.import_commands import IMPORT_COMMANDS
from glyphd_client.push_command import push

OWN_OPTIONS = ("-h", "--help", "--version")

EXAMPLES = """\b
Examples:
  glyphd-push offers.csv --source nightly --wait
  glyphd-push offers.csv --check --report to-correct.csv
  glyphd-push resume 2c4c9ca5-d5c0-468d-ac1d-b0317c9192e4

\b
Exit codes:
  0    imported, or the command succeeded
  1    not imported: the file is at fault, or the import failed or was cancelled
  2    invalid use: an option, the address, the token
  69   sent, and still being imported
  75   try later: the service is busy or can't be reached
  130  interrupted by Ctrl-C"""


class PushOrCommand(click.Group):
    """`glyphd-push offers.csv` is `glyphd-push push offers.csv`. A file that has the name of a
    command is `./status`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in OWN_OPTIONS:
            args = ["push", *args]
        return super().parse_args(ctx, args)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage(ctx.command_path, "[OPTIONS] FILES...")
        formatter.write_usage(ctx.command_path, "COMMAND [OPTIONS] IMPORT_ID")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        push.format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


@click.group(
    cls=PushOrCommand,
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(version("glyphd-client"), prog_name="glyphd-push")
def main() -> None:
    """Send CSV files of scored GPU offers to glyphd."""
    signal.signal(signal.SIGINT, _interrupt_once)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _interrupt_once(_number: int, _frame: FrameType | None) -> NoReturn:
    """What follows a Ctrl-C is short, and a second one must not cut off how to resume."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


main.add_command(push)
for command in IMPORT_COMMANDS:
    main.add_command(command)
