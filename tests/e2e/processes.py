"""Real glyphd processes for tests: started as a user would, and always stopped in the end."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil

from glyphd.settings import Settings

PATIENCE_SECONDS = 60.0
GLYPHD = str(Path(sys.executable).with_name("glyphd"))
"""The console script. Unlike `python -m glyphd`, it does not search the current folder for
modules."""

FINAL = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True)
class Process:
    """A running process, and the address it listens on if it is an API."""

    popen: subprocess.Popen[str]
    address: str = ""

    def stop(self) -> int:
        """Sends SIGTERM; returns the exit code."""
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(PATIENCE_SECONDS)

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait(PATIENCE_SECONDS)

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.popen.pid).children()


@contextmanager
def serving(
    *arguments: str,
    environment: Mapping[str, str],
    folder: Path | None = None,
    command: tuple[str, ...] = (GLYPHD,),
) -> Iterator[Process]:
    """`glyphd serve` on a free port, as one process by default; `command` is the command for
    `glyphd`."""
    environment = {"GLYPHD_PROCESSES": "1", **environment}
    words = (*command, "serve", "--port", "0", *arguments)
    with _running(*words, environment=environment, folder=folder) as popen:
        assert popen.stdout is not None
        greeting = popen.stdout.readline()
        found = re.search(r"http://\S+", greeting)
        assert found, f"serve did not start: {greeting!r}"
        yield Process(popen, found[0])


@contextmanager
def working(
    *, environment: Mapping[str, str], command: tuple[str, ...] = (GLYPHD,)
) -> Iterator[Process]:
    """`glyphd worker`; `command` is the command for `glyphd`."""
    with _running(*command, "worker", environment=environment) as popen:
        yield Process(popen)


@contextmanager
def _running(
    *command: str, environment: Mapping[str, str], folder: Path | None = None
) -> Iterator[subprocess.Popen[str]]:
    # With the tests' own environment, through which coverage reaches child processes.
    popen = subprocess.Popen(
        command, env={**os.environ, **environment}, cwd=folder, stdout=subprocess.PIPE, text=True
    )
    try:
        yield popen
    finally:
        if popen.poll() is None:
            popen.terminate()
            try:
                popen.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                popen.kill()
        popen.communicate()


def run(
    *arguments: str | Path, environment: Mapping[str, str], folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a `glyphd` command to its end."""
    return subprocess.run(
        [GLYPHD, *arguments],
        env={**os.environ, **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def until(condition: Callable[[], Any]) -> Any:
    """Waits until the condition returns something true, and returns that."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return found


def get(address: str, path: str) -> Any:
    with urlopen(address + path, timeout=PATIENCE_SECONDS) as answer:
        return json.load(answer)


def readiness(address: str) -> dict[str, Any]:
    """The content of `/api/ready`, ready or not."""
    try:
        found: dict[str, Any] = get(address, "/api/ready")
    except HTTPError as error:
        found = json.load(error)
    return found


def upload(address: str, csv: bytes, query: str = "", **headers: str) -> dict[str, Any]:
    """Sends a CSV; returns the status from the 202 answer."""
    named = {"Content-Type": "text/csv"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    with urlopen(
        Request(f"{address}/api/import{query}", csv, named), timeout=PATIENCE_SECONDS
    ) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def post_json(address: str, path: str, content: Any) -> Any:
    """Sends JSON; returns the JSON of the answer."""
    request = Request(address + path, json.dumps(content).encode())
    request.add_header("Content-Type", "application/json")
    with urlopen(request, timeout=PATIENCE_SECONDS) as answer:
        return json.load(answer)


def final_status(address: str, import_id: str) -> dict[str, Any]:
    """The status of an import after it has ended."""

    def ended() -> dict[str, Any] | None:
        status: dict[str, Any] = get(address, f"/api/imports/{import_id}")
        return status if status["status"] in FINAL else None

    found: dict[str, Any] = until(ended)
    return found


def many_offers(count: int, price: float = 1000.0) -> bytes:
    """A CSV with this many different listings."""
    rows = (
        f"RTX_4090,{price + number},0.5,https://example.com/{number}\n" for number in range(count)
    )
    return ("model,price_usd,score,source_url\n" + "".join(rows)).encode()


def data_in(folder: Path) -> dict[str, str]:
    return {"GLYPHD_DATA_DIR": str(folder)}


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment of processes that share one service: its folder and its database."""
    url = settings.database_url
    return data_in(settings.data_dir) | ({"GLYPHD_DATABASE_URL": url} if url else {})
