"""A real service for a measurement: its processes, their memory, and imports as seen by a
client."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from bench.client import Client

POLL_SECONDS = 0.02
START_SECONDS = 60
IMPORT_SECONDS = 1200
REST_SECONDS = 0.5
BUSY_SHARE = 0.1
ASYNC = {"Prefer": "respond-async"}
FINAL = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True)
class Import:
    """One import that succeeded. `seconds` counts from its 202; `reported_seconds` comes from the
    times in its status."""

    status: dict[str, Any]
    seconds: float

    @property
    def reported_seconds(self) -> float:
        return (self.time("finished_at") - self.time("received_at")).total_seconds()

    def time(self, name: str) -> datetime:
        return datetime.fromisoformat(self.status[name])

    @property
    def rows_per_second(self) -> float:
        return float(self.status["record_count"]) / self.seconds


@dataclass(frozen=True)
class Running:
    """`glyphd serve`, usually with its worker."""

    process: psutil.Process
    port: int
    folder: Path

    @property
    def archive(self) -> Path:
        return self.folder / "gpu.sqlite"

    @property
    def worker(self) -> psutil.Process:
        (child,) = (one for one in self.process.children() if "worker" in one.cmdline())
        return child

    @property
    def api_processes(self) -> list[psutil.Process]:
        """The processes that answer requests, and the one that supervises them if there are
        several."""
        return [
            self.process,
            *(one for one in self.process.children() if "api-process" in one.cmdline()),
        ]

    def client(self) -> Client:
        return Client(self.port)

    def peak_mib(self, *, worker: bool) -> float:
        """The peak memory of the API or its worker so far, in MiB."""
        pid = self.worker.pid if worker else self.process.pid
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        assert found
        return int(found[1]) / 1024

    def upload(self, path: Path, query: str = "") -> str:
        """Sends the file as a raw body; returns the id of its import."""
        with self.client() as client:
            return str(client.post_file(f"/api/import{query}", path, ASYNC)["import_id"])

    def status(self, import_id: str) -> dict[str, Any]:
        with self.client() as client:
            return client.get_object(f"/api/imports/{import_id}")

    def wait(self, import_id: str) -> dict[str, Any]:
        """Waits for an import, which must succeed; returns its final status."""
        deadline = time.monotonic() + IMPORT_SECONDS
        with self.client() as client:
            while (status := client.get_object(f"/api/imports/{import_id}"))["status"] not in FINAL:
                assert time.monotonic() < deadline, f"an import did not end: {status}"
                time.sleep(POLL_SECONDS)
        assert status["status"] == "succeeded", status["error"]
        return status

    def worker_seconds(self) -> float:
        """Processor seconds of the worker and the processes that it has started."""
        processes = [self.worker, *self.worker.children(recursive=True)]
        return float(sum(sum(process.cpu_times()[:4]) for process in processes))

    def rest(self) -> None:
        """Waits until the worker has done the work that it postponed, and is idle."""
        used, now = -1.0, self.worker_seconds()
        while now - used > REST_SECONDS * BUSY_SHARE:
            time.sleep(REST_SECONDS)
            used, now = now, self.worker_seconds()

    def take_in(self, path: Path, query: str = "") -> Import:
        """Sends the file and waits until it is imported."""
        import_id = self.upload(path, query)
        began = time.perf_counter()
        status = self.wait(import_id)
        return Import(status, time.perf_counter() - began)


@contextmanager
def running_service(
    folder: Path, *arguments: str, worker: bool = True, processes: int = 1
) -> Iterator[Running]:
    """The service on a free port, with its data in this folder; ready when the block begins."""
    command = [
        sys.executable,
        "-m",
        "glyphd",
        "serve",
        "--port",
        "0",
        "--data-dir",
        str(folder),
        "--processes",
        str(processes),
        *arguments,
    ]
    command += [] if worker else ["--no-worker"]
    with subprocess.Popen(
        command, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as popen:
        try:
            assert popen.stdout is not None
            found = re.search(r"http://[^ ]*:(\d+)", popen.stdout.readline())
            assert found, "glyphd did not start"
            service = Running(psutil.Process(popen.pid), int(found[1]), folder)
            _wait_until_ready(service, "/api/ready" if worker else "/api/health")
            yield service
        finally:
            popen.terminate()


def _wait_until_ready(service: Running, path: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    with service.client() as client:
        while client.get(path).status != 200:
            assert time.monotonic() < deadline, "glyphd did not become ready"
            time.sleep(POLL_SECONDS)
