"""A real service for a measurement: its processes, their peak memory, and uploads to it."""

import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Running:
    """`glyphd serve` with its worker."""

    process: psutil.Process
    port: int

    def peak_mib(self, *, worker: bool) -> float:
        """The most memory the API or its worker ever held, in MiB."""
        (child,) = self.process.children()
        status = Path(f"/proc/{child.pid if worker else self.process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found
        return int(found[1]) / 1024

    def upload(self, path: Path) -> str:
        """Sends the file as a raw body; the id of its import."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        with path.open("rb") as body:
            headers = {
                "Content-Type": "text/csv",
                "Content-Length": str(path.stat().st_size),
                "Prefer": "respond-async",
            }
            connection.request("POST", "/api/import", body, headers)
            found: dict[str, Any] = json.load(connection.getresponse())
        return str(found["import_id"])

    def status(self, import_id: str) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", f"/api/imports/{import_id}")
        found: dict[str, Any] = json.load(connection.getresponse())
        return found

    def wait(self, import_id: str) -> dict[str, Any]:
        """The final status of an import, which has to have succeeded."""
        while True:
            status = self.status(import_id)
            if status["status"] not in ("queued", "running"):
                assert status["status"] == "succeeded", status["error"]
                return status
            time.sleep(POLL_SECONDS)


@contextmanager
def running_service(folder: Path) -> Iterator[Running]:
    """The service on a free port, its data in this folder."""
    command = [sys.executable, "-m", "glyphd", "serve", "--port", "0", "--data-dir", str(folder)]
    with subprocess.Popen(
        command, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as popen:
        try:
            assert popen.stdout is not None
            found = re.search(r"http://[^ ]*:(\d+)", popen.stdout.readline())
            assert found
            yield Running(psutil.Process(popen.pid), int(found[1]))
        finally:
            popen.terminate()
