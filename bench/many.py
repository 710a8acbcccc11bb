"""Many small files: how fast they are accepted over several connections, and how fast they are
imported."""

import csv
import os
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from bench import peers
from bench.data import COLUMNS, write_offers
from bench.plan import Plan
from bench.samples import Result, at_least, at_most, milliseconds, per_second, percentile
from bench.service import ASYNC, Running, running_service

ROWS = 100
FILES = 1000
PACED_FILES = 200
ALONE_FILES = 20
CONNECTIONS = 8
ROUNDS = 3


@dataclass
class Rates:
    """Files per second in each round; then seconds from when a file was received to the end of its
    import, at half of the rate at which the others were imported, and with each file alone."""

    accepted: list[float] = field(default_factory=list)
    imported: list[float] = field(default_factory=list)
    kept: list[float] = field(default_factory=list)
    inserted: list[float] = field(default_factory=list)
    paced_p99: list[float] = field(default_factory=list)
    alone_p50: list[float] = field(default_factory=list)


def measure(plan: Plan) -> list[Result]:
    rates = Rates()
    with plan.scratch() as folder:
        count = plan.size(FILES, least=2 * CONNECTIONS)
        more = plan.size(PACED_FILES, least=CONNECTIONS) + ALONE_FILES
        files = _write_files(folder, count + more)
        files, others = files[:count], [file.read_bytes() for file in files[count:]]
        for _ in plan.rounds(ROUNDS):
            with plan.scratch() as data, running_service(data / "data") as service:
                _import(service, [file.read_bytes() for file in files], rates)
                _keep_pace(service, others, rates)
            with plan.scratch() as target:
                rates.kept.append(_keep_all(files, target))
            with plan.scratch() as target:
                rates.inserted.append(_insert_all(files, target / "peer.sqlite"))
    accepted, imported = (per_second(each, "files") for each in (rates.accepted, rates.imported))
    kept, inserted = (per_second(each, "files") for each in (rates.kept, rates.inserted))
    what = f"files of {ROWS} rows over {CONNECTIONS} connections"
    return [
        Result(f"{what}, imported", imported, "the same, accepted", accepted, at_least(0.6)),
        Result("… imported", imported, "a transaction for each file in `sqlite3`", inserted),
        Result("… accepted", accepted, f"`fsync` of each file in {CONNECTIONS} threads", kept),
        Result(
            "received to imported at half of that rate, p99",
            milliseconds(rates.paced_p99),
            "each file alone, p50",
            milliseconds(rates.alone_p50),
            at_most(10),
        ),
    ]


def _write_files(folder: Path, count: int) -> list[Path]:
    """Writes `count` different files, each with its own listings."""
    files = []
    for number in range(count):
        file = write_offers(folder / f"small-{number}.csv", ROWS, seed=number)
        file.write_bytes(file.read_bytes().replace(b"/item/", f"/{number}/".encode()))
        files.append(file)
    return files


def _import(service: Running, bodies: list[bytes], rates: Rates) -> None:
    """Measures both rates from the first request: to the last 202, and to the end of the last
    import."""

    def send(part: list[bytes]) -> list[str]:
        with service.client() as client:
            return [str(client.post("/api/import", body, ASYNC)["import_id"]) for body in part]

    began = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        parts = [bodies[first::CONNECTIONS] for first in range(CONNECTIONS)]
        import_ids = [import_id for sent in threads.map(send, parts) for import_id in sent]
    rates.accepted.append(len(bodies) / (time.perf_counter() - began))
    statuses = [service.wait(import_id) for import_id in import_ids]
    rates.imported.append(len(statuses) / (time.perf_counter() - began))


def _keep_pace(service: Running, bodies: list[bytes], rates: Rates) -> None:
    """Sends each file when the one before it has ended, then the others at their times."""
    with service.client() as client:

        def send(body: bytes) -> str:
            return str(client.post("/api/import", body, ASYNC)["import_id"])

        alone = [service.wait(send(body)) for body in bodies[:ALONE_FILES]]
        pause = 2 / rates.imported[-1]
        began, paced = time.perf_counter(), []
        for number, body in enumerate(bodies[ALONE_FILES:]):
            time.sleep(max(0, began + number * pause - time.perf_counter()))
            paced.append(send(body))
    rates.alone_p50.append(median(map(_seconds_to_end, alone)))
    waits = [_seconds_to_end(service.wait(import_id)) for import_id in paced]
    rates.paced_p99.append(percentile(waits, 99))


def _seconds_to_end(status: dict[str, Any]) -> float:
    received, finished = map(datetime.fromisoformat, (status["received_at"], status["finished_at"]))
    return (finished - received).total_seconds()


def _keep_all(files: list[Path], target: Path) -> float:
    """Files per second that several threads copy and sync."""

    def keep(file: Path) -> None:
        with (target / file.name).open("wb") as copy:
            copy.write(file.read_bytes())
            copy.flush()
            os.fsync(copy.fileno())

    began = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        list(threads.map(keep, files))
    return len(files) / (time.perf_counter() - began)


def _insert_all(files: list[Path], database: Path) -> float:
    """Files per second that a script inserts into a table with four indexes, each file in its own
    synced transaction."""
    peers.make_table(database)
    marks = ", ".join("?" * len(COLUMNS))
    archive = sqlite3.connect(database)
    try:
        archive.execute("PRAGMA synchronous = full")
        began = time.perf_counter()
        for path in files:
            with path.open(newline="") as file, archive:
                rows = csv.reader(file)
                next(rows)
                archive.executemany(f"INSERT INTO listings VALUES ({marks})", rows)
        return len(files) / (time.perf_counter() - began)
    finally:
        archive.close()
