"""Finds and runs `pg_dump` and `pg_restore` of the server's version or a later one."""

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Any

from glyphd.errors import CannotBackUp
from glyphd.private_files import sync_folder
from glyphd.settings import environment_without_settings

_INSTALLED = (
    "usr/lib/postgresql/*/bin/pg_dump",
    "usr/pgsql-*/bin/pg_dump",
    "usr/libexec/postgresql*/pg_dump",
    "opt/homebrew/opt/postgresql@*/bin/pg_dump",
)
"""Where distributions put the tools of each version, besides PATH."""

_SHOWN_LINES = 5


@dataclass(frozen=True)
class PostgresTools:
    """The two programs, both from the same installation."""

    pg_dump: Path
    pg_restore: Path


def find_tools(server_version: int) -> PostgresTools:
    """The tools of the server's version (a number such as 180001), else of the next later one. An
    older `pg_dump` refuses the server, and `pg_restore` of another version may use settings that
    the server does not know.

    Raises CannotBackUp, which says which versions were found.
    """
    needed = server_version // 10000
    found = {path: _major_of(path) for path in _candidates()}
    usable = sorted((major, str(path)) for path, major in found.items() if major >= needed)
    if not usable:
        there = ", ".join(f"{path} ({major})" for path, major in found.items()) or "none"
        raise CannotBackUp(
            f"PostgreSQL {needed} needs pg_dump {needed} or later; found: {there}. Install the "
            f"server's client programs (Debian: postgresql-client-{needed}), or put them on PATH"
        )
    pg_dump = Path(usable[0][1])
    return PostgresTools(pg_dump, pg_dump.with_name("pg_restore"))


def dump(
    tools: PostgresTools, server: Any, path: Path, *, snapshot: str, other_schemas: Sequence[str]
) -> None:
    """Dumps the database without these schemas, as of the exported snapshot, into a file. When this
    returns, the file is durable and was read back. `server` is psycopg's `info` of the connection
    that has the snapshot.

    Raises CannotBackUp with the tools' messages.
    """
    # Excludes schemas rather than naming one: a dump of `public` by name would also create that
    # schema, which always exists.
    without = [f"--exclude-schema={_quoted(name)}" for name in other_schemas]
    command = [
        str(tools.pg_dump),
        "--format=custom",
        "--no-password",
        f"--snapshot={snapshot}",
        "--no-publications",
        "--no-subscriptions",
        f"--file={path}",
        *without,
    ]
    parameters, hidden = _connection(server)
    _run([*command, f"--dbname={parameters}"], hidden)
    _run([str(tools.pg_restore), "--file=/dev/null", str(path)], {})
    with path.open("rb") as file:
        os.fsync(file.fileno())
    sync_folder(path.parent)


def _quoted(name: str) -> str:
    """A pattern that matches only this name."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _candidates() -> Iterator[Path]:
    first = which("pg_dump")
    if first is not None:
        yield Path(first)
    for pattern in _INSTALLED:
        yield from sorted(Path("/").glob(pattern))


def _major_of(pg_dump: Path) -> int:
    """The major version of a `pg_dump`; 0 if it can't be run."""
    try:
        said = subprocess.run(
            [pg_dump, "--version"], capture_output=True, text=True, check=False
        ).stdout
    except OSError:
        return 0
    found = re.search(r"\(PostgreSQL\) (\d+)", said)
    return int(found[1]) if found else 0


def _connection(server: Any) -> tuple[str, dict[str, str]]:
    """What a tool needs to connect to the same server: a connection string, which is visible in the
    list of processes, and environment variables for the secrets."""
    from psycopg import conninfo, pq

    secret = {
        option.keyword.decode() for option in pq.Conninfo.get_defaults() if option.dispchar == b"*"
    }
    given = server.get_parameters() | {"host": server.host, "port": str(server.port)}
    if server.hostaddr:
        given["hostaddr"] = server.hostaddr
    shown = {name: value for name, value in given.items() if name not in secret}
    hidden = {"PGPASSWORD": server.password} if server.password else {}
    return conninfo.make_conninfo(**shown), hidden


def _run(command: list[str], hidden: dict[str, str]) -> None:
    try:
        ended = subprocess.run(
            command,
            env=environment_without_settings() | hidden,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        raise CannotBackUp(f"{command[0]} can't be run: {error.strerror}") from error
    if ended.returncode != 0:
        said = "; ".join(ended.stderr.strip().splitlines()[:_SHOWN_LINES])
        raise CannotBackUp(f"{Path(command[0]).name} failed: {said}")
