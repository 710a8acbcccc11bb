"""The options of every command: their `--help`, and the message for a bad setting."""

from pathlib import Path

import pytest
from click import Command, Group, Option
from click.testing import CliRunner, Result

from glyphd.cli import main

OPTIONS = {
    "serve": [
        "--host",
        "--port",
        "--allowed-hosts",
        "--trusted-proxies",
        "--processes",
        "--no-worker",
    ],
    "worker": ["--once", "--ping", "--stop-with-parent"],
    "migrate": ["--to", "--drop-data"],
    "init-db": ["--new-ledger"],
    "check": [],
    "verify": ["--all"],
    "rebuild": ["--into", "--registry"],
    "backup": [],
    "settings": [],
    "token create": ["--scope", "--source", "--expires", "--for-file"],
    "token list": [],
    "token revoke": [],
}
REQUIRED = {
    "rebuild": ["--into", "somewhere"],
    "backup": ["somewhere"],
    "token create": ["somebody", "--scope", "read"],
    "token revoke": ["somebody"],
}


def _run(*arguments: str | Path, **environment: str) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], env=environment)


def _commands(group: Group = main, prefix: str = "") -> dict[str, Command]:
    """Every command by its words, including those of groups."""
    found: dict[str, Command] = {}
    for name, command in group.commands.items():
        if command.hidden:  # only `serve` runs it
            continue
        words = f"{prefix}{name}"
        found |= _commands(command, f"{words} ") if isinstance(command, Group) else {words: command}
    return found


def test_help_names_every_command() -> None:
    text = _run("--help").output + _run("token", "--help").output
    assert set(_commands()) == set(OPTIONS)
    assert all(f"  {command.split()[-1]} " in text for command in OPTIONS)
    assert _run("-h").output == _run("--help").output


@pytest.mark.parametrize(("command", "options"), OPTIONS.items())
def test_help_of_a_command_names_every_option(command: str, options: list[str]) -> None:
    found = _run(*command.split(), "--help")
    assert found.exit_code == 0
    assert [
        name for name in (*options, "--db-path", "--data-dir") if name not in found.output
    ] == []
    parameters = _commands()[command].params
    taken = {
        name for parameter in parameters if isinstance(parameter, Option) for name in parameter.opts
    }
    assert taken == {*options, "--db-path", "--data-dir"}


def test_every_option_says_what_it_does() -> None:
    parameters = [parameter for command in _commands().values() for parameter in command.params]
    assert all(parameter.help for parameter in parameters if isinstance(parameter, Option))


def test_there_is_no_command_to_import_data() -> None:
    assert _run("import", "x.csv").exit_code == 2


@pytest.mark.parametrize("command", OPTIONS)
@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"GLYPHD_PORT": "http"}, "glyphd: GLYPHD_PORT=http: "),
        (
            {"GLYPHD_PROT": "1"},
            "glyphd: GLYPHD_PROT: there is no such setting; did you mean GLYPHD_PORT?",
        ),
    ],
    ids=["value", "name"],
)
def test_a_bad_setting_is_one_line_and_exit_code_2(
    command: str, environment: dict[str, str], message: str
) -> None:
    found = _run(*command.split(), *REQUIRED.get(command, []), **environment)
    assert (found.exit_code, found.stdout) == (2, "")
    assert found.stderr.startswith(message)
    assert found.stderr.count("\n") == 1
