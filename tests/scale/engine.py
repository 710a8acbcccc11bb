"""A container engine with Compose: the machine's own, otherwise one from Debian's packages, for
this run only."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGES = ("docker.io", "iptables", "mmdebstrap")
NEWER_SUITE = "trixie"
"""Debian 12 has no Compose version 2; that of the next release is a single program."""
START_SECONDS = 60
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def run(*command: str | Path, **options: str) -> str:
    """The output of a command. Raises RuntimeError with its last lines if it fails."""
    environment = os.environ | options
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode != 0:
        said = (done.stdout + done.stderr)[-4000:]
        raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{said}")
    return done.stdout


@contextmanager
def running_engine(folder: Path) -> Iterator[None]:
    """`docker` and `docker compose` work until the end of the block; all their state is in this
    folder."""
    _install()
    os.environ["DOCKER_CONFIG"] = str(folder / "config")
    daemon = None if _answers() else _start(folder)
    try:
        if not _works("docker", "compose", "version"):
            _fetch_compose(folder)
        yield
    finally:
        if daemon is not None:
            daemon.terminate()
            daemon.wait()


def _install() -> None:
    if all(map(shutil.which, ("docker", "dockerd", "mmdebstrap"))):
        return
    run("apt-get", "update", "-qq")
    # At runlevel 1 the services of the packages are not started.
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES, **quiet)


def _answers() -> bool:
    return _works("docker", "version")


def _works(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _start(folder: Path) -> "subprocess.Popen[bytes]":
    folder.mkdir(parents=True, exist_ok=True)
    program = shutil.which("dockerd") or "/usr/sbin/dockerd"
    options = ["--data-root", folder / "data", "--exec-root", folder / "exec"]
    with (folder / "dockerd.log").open("ab") as log:
        daemon = subprocess.Popen(
            [program, *map(str, options), "-p", str(folder / "dockerd.pid")],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_SECONDS
    while not _answers():
        if daemon.poll() is not None or time.monotonic() > deadline:
            daemon.kill()
            raise RuntimeError((folder / "dockerd.log").read_text()[-4000:])
        time.sleep(0.2)
    return daemon


def _fetch_compose(folder: Path) -> None:
    """Extracts the program from the package of the newer release: nothing of that release is
    installed, and the machine's own sources do not change."""
    state = folder / "apt"
    for name in ("lists/partial", "cache/archives/partial", "debs", "root"):
        (state / name).mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    targets = run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages")
    mirror = next(one for one in targets.splitlines() if "security" not in one)
    (state / "sources").write_text(f"deb [signed-by={KEYRING}] {mirror} {NEWER_SUITE} main\n")
    (state / "conf").write_text(f"""
Dir::State::status "{state}/status"; Dir::State::Lists "{state}/lists"; Dir::Cache "{state}/cache";
Dir::Etc::SourceList "{state}/sources"; Dir::Etc::SourceParts "-";
Acquire::Languages "none"; Acquire::Check-Valid-Until "false"; Acquire::Check-Date "false";
APT::Sandbox::User "root";
""")
    private = {"APT_CONFIG": str(state / "conf")}
    run("apt-get", "update", "-qq", **private)
    subprocess.run(
        ["apt-get", "download", "-qq", "docker-compose"],
        cwd=state / "debs",
        env=os.environ | private,
        check=True,
    )
    (package,) = (state / "debs").glob("docker-compose_*.deb")
    run("dpkg", "-x", package, state / "root")
    plugins = folder / "config" / "cli-plugins"
    plugins.mkdir(parents=True, exist_ok=True)
    found = state / "root/usr/libexec/docker/cli-plugins/docker-compose"
    shutil.copy2(found, plugins / "docker-compose")
