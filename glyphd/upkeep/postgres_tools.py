"""`pg_dump` and `pg_restore`: found in the server's own version, or a later one, and run."""

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
    """The two programs, from one installation."""

    pg_dump: Path
    pg_restore: Path


def find_tools(server_version: int) -> PostgresTools:
    """The tools of the server's version (a number such as 180001), else of the next later one: an
    older `pg_dump` refuses the server, and `pg_restore` of another version may set what the server
    does not know.

    Raises CannotBackUp, which says what was found.
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
    """Dumps the database without these schemas, as the exported snapshot sees it, into a file that
    is durable and was read back when this returns. `server` is psycopg's `info` of the connection
    that has the snapshot.

    Raises CannotBackUp with what the tools say.
    """
    # Named by what is left out: a dump of `public` by name would create it, where it always is.
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
    """A name as a pattern that only it matches."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _candidates() -> Iterator[Path]:
    first = which("pg_dump")
    if first is not None:
        yield Path(first)
    for pattern in _INSTALLED:
        yield from sorted(Path("/").glob(pattern))


def _major_of(pg_dump: Path) -> int:
    """The major version of a `pg_dump`; 0 for one that does not run."""
    try:
        said = subprocess.run(
            [pg_dump, "--version"], capture_output=True, text=True, check=False
        ).stdout
    except OSError:
        return 0
    found = re.search(r"\(PostgreSQL\) (\d+)", said)
    return int(found[1]) if found else 0


def _connection(server: Any) -> tuple[str, dict[str, str]]:
    """What a tool needs to connect to the same server: a connection string that others may see in
    the list of processes, and the variables that they may not."""
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
