"""Each function causes one disaster in a running service and asserts what glyphd promises for
it."""

import gzip
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

from peewee import OperationalError

from glyphd.errors import GlyphdError
from glyphd.settings import MIB, Settings
from tests.chaos.checks import Checker
from tests.chaos.clients import Sent, send
from tests.chaos.clusters import Answer, Cluster, environment_of, running_cluster, until
from tests.chaos.disks import SmallDisk
from tests.chaos.files import GivenFile, make_file
from tests.chaos.tallies import Tally
from tests.e2e.processes import FINAL, many_offers, working

RESERVE = 128 * 1024
"""Half of it must be enough for the files that SQLite maps while databases are open."""
PROMPT_SECONDS = 5.0
LOCKED_SECONDS = 2.0
JUMPS = (3600.0, -7200.0, 0.0, 86_400.0, -40.0)
"""Successive offsets of the clock in seconds."""


def full_disk_while_receiving(disk: SmallDisk, logs: Path) -> None:
    """Uploads are refused with 503 and leave nothing behind; once there is space, they are
    accepted."""
    settings = Settings(data_dir=disk.folder / "data")
    with running_cluster(settings, logs, GLYPHD_DISK_RESERVE_BYTES=str(RESERVE)) as cluster:
        until(lambda: _is_ready(cluster))
        before = _files(settings)
        disk.fill(leave=2 * RESERVE)
        refused = [_send_chunks(cluster, size) for size in (3 * RESERVE, 2 * MIB)]
        disk.fill(leave=RESERVE // 2)
        refused.append(_send(cluster, make_file("too-late", Random(1), size=50)))
        assert [answer.status for answer in refused] == [503, 503, 503]
        assert {answer.json["code"] for answer in refused} == {"storage_full"}
        assert _not_ready(cluster) == ["disk"]
        disk.free()
        until(lambda: _files(settings) == before)
        _require_imported(cluster, make_file("in-time", Random(1), size=500))


def full_disk_while_importing(disk: SmallDisk, logs: Path) -> None:
    """The import is requeued, which does not count as a lost attempt, and succeeds once there is
    space."""
    settings = Settings(data_dir=disk.folder / "data")
    file = make_file("large", Random(2), size=8000)
    with running_cluster(settings, logs, workers=0, GLYPHD_DISK_RESERVE_BYTES="0") as cluster:
        until(cluster.answers)
        sent = send(cluster, file, Random(2))
        disk.fill(leave=MIB // 2)
        with working(environment=environment_of(settings)):
            until(lambda: _handbacks(cluster, sent.import_id))
            assert cluster.get("/api/listings?limit=10") == []
            disk.free()
            _require_right(cluster, [file], [sent])
        assert cluster.job(sent.import_id).lost_count == 0


def import_larger_than_the_disk(disk: SmallDisk, logs: Path) -> None:
    """A small gzip unpacks to more than the disk holds: its import fails for that reason, part of
    the reserve stays free, and other imports succeed."""
    settings = Settings(data_dir=disk.folder / "data")
    reserve = 8 * MIB
    with running_cluster(settings, logs, GLYPHD_DISK_RESERVE_BYTES=str(reserve)) as cluster:
        until(lambda: _is_ready(cluster))
        headers = {"Content_Type": "text/csv", "Content_Encoding": "gzip"}
        answer = cluster.request(
            "POST", "/api/import", gzip.compress(many_offers(400_000)), **headers
        )
        least = [_free_bytes(disk)]
        until(lambda: _ends(cluster, answer.json["import_id"], disk, least))
        status = cluster.get(f"/api/imports/{answer.json['import_id']}")
        assert (status["status"], status["error"]["code"]) == ("failed", "too_large_for_disk")
        assert min(least) > reserve // 2
        until(lambda: not _not_ready(cluster))
        small = cluster.request(
            "POST", "/api/import", many_offers(500), Content_Type="text/csv", Prefer="wait=30"
        )
        assert (small.status, small.json["record_count"]) == (200, 500)


def _ends(cluster: Cluster, import_id: str, disk: SmallDisk, least: list[int]) -> bool:
    least.append(_free_bytes(disk))
    return cluster.get(f"/api/imports/{import_id}")["status"] in FINAL


def _free_bytes(disk: SmallDisk) -> int:
    return shutil.disk_usage(disk.folder).free


def locked_archive(settings: Settings, logs: Path) -> None:
    """Another process locks the archive: uploads are still accepted, imports wait, and none is
    lost."""
    files = [make_file(f"locked-{number}", Random(number), size=300) for number in range(3)]
    with running_cluster(settings, logs) as cluster:
        until(lambda: _is_ready(cluster))
        with closing(sqlite3.connect(settings.archive_path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            began = time.monotonic()
            sent = [send(cluster, file, Random(4)) for file in files]
            assert time.monotonic() - began < len(files) * PROMPT_SECONDS
            until(
                lambda: time.monotonic() - began > LOCKED_SECONDS
                and "running" in cluster.statuses()
            )
            assert cluster.get("/api/listings") == []
            other.execute("ROLLBACK")
        _require_right(cluster, files, sent)
        assert all(cluster.job(one.import_id).lost_count == 0 for one in sent)


def vanished_queue(settings: Settings, logs: Path) -> None:
    """The queue's file is deleted: it is recreated, and uploads are still accepted and imported."""
    with running_cluster(settings, logs) as cluster:
        until(lambda: _is_ready(cluster))
        first = make_file("before", Random(5), size=100)
        sent = [send(cluster, first, Random(5))]
        _require_right(cluster, [first], sent)
        for file in settings.queue_path.parent.glob(f"{settings.queue_path.name}*"):
            file.unlink()
        assert _not_ready(cluster) == []
        files = [make_file(f"after-{number}", Random(number), size=100) for number in range(3)]
        sent += [send(cluster, file, Random(6)) for file in files]
        _require_right(cluster, [first, *files], sent)


def jumping_clock(settings: Settings, logs: Path) -> None:
    """The clock jumps back and forth: history keeps its order, and nothing waits for a time in the
    past."""
    shift = logs / "shift"
    shift.write_text("0")
    files = [make_file(f"jump-{number}", Random(number), size=200) for number in range(len(JUMPS))]
    sent: list[Sent] = []
    with running_cluster(settings, logs, runner=("tests.chaos.shifted", str(shift))) as cluster:
        until(lambda: _is_ready(cluster))
        for file, jump in zip(files, JUMPS, strict=True):
            shift.write_text(str(jump))
            sent.append(send(cluster, file, Random(7)))
            until(lambda: not cluster.statuses(), patience=4 * PROMPT_SECONDS)
        _require_right(cluster, files, sent)
        order = cluster.archive_rows("SELECT import_id FROM import_batches ORDER BY imported_at")
        written = [one.import_id for one in sent if one.file.succeeds]
        assert [row[0] for row in order] == written


def _handbacks(cluster: Cluster, import_id: str) -> int:
    try:
        return cluster.job(import_id).handback_count
    except (GlyphdError, OperationalError):
        return 0  # on a full disk the registry can't always be read


def _require_right(cluster: Cluster, files: list[GivenFile], sent: list[Sent]) -> None:
    assert Checker(cluster, Tally()).check(files, sent).sentences() == []


def _require_imported(cluster: Cluster, file: GivenFile) -> None:
    _require_right(cluster, [file], [send(cluster, file, Random(0))])


def _send(cluster: Cluster, file: GivenFile) -> Answer:
    return cluster.request("POST", f"/api/import?{file.query}", file.body, Content_Type="text/csv")


def _send_chunks(cluster: Cluster, size: int) -> Answer:
    """An upload that does not announce its size."""
    return cluster.request("POST", "/api/import", _chunks(size), Content_Type="text/csv")


def _chunks(size: int) -> Iterator[bytes]:
    yield b"model,price_usd,score\n"
    row = b"RTX_4090,1000,0.5\n"
    for _ in range(size // len(row) // 500):
        yield row * 500


def _files(settings: Settings) -> set[str]:
    """The names of the files in the upload store and in the scratch folder."""
    return {
        path.name
        for folder in (settings.uploads_dir, settings.scratch_dir)
        for path in folder.iterdir()
    }


def _is_ready(cluster: Cluster) -> bool:
    return cluster.answers() and not _not_ready(cluster)


def _not_ready(cluster: Cluster) -> list[str]:
    """The failed checks of `/api/ready`, by name."""
    answer = cluster.request("GET", "/api/ready")
    checks: dict[str, Any] = answer.json["checks"]
    assert answer.status == (200 if set(checks.values()) == {"ok"} else 503)
    return [name for name, found in checks.items() if found != "ok"]
