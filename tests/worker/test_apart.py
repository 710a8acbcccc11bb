"""Large files are read by a separate process: the same rows, the same errors, and no harm if it
dies."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from glyphd.db.registry_models import Job
from glyphd.errors import SourceMissing, UnreadableFile
from glyphd.importing.kept_files import carry_on
from glyphd.importing.reading import read_kept
from glyphd.settings import Settings
from glyphd.uploads import LocalUploads
from tests.service import Service, offers
from worker import apart
from worker.apart import Reader, ReaderLost
from worker.final_values import MAX_LOST_ATTEMPTS

PATIENCE_SECONDS = 30
SETTINGS = Settings(database_url=None)
FILE = offers(
    *(f"L4,{price},0.9,EU,Acme," for price in range(5000)), "L4,x,0.9,EU,Acme,", "A100,1,0.5"
)


@pytest.fixture
def reader() -> Iterator[Reader]:
    opened = Reader()
    yield opened
    opened.close()


@pytest.fixture
def uploads(tmp_path: Path) -> LocalUploads:
    store = LocalUploads(tmp_path / "uploads")
    store.put("a.csv", FILE.encode())
    return store


def _job(name: str = "a.csv") -> Job:
    received_at = "2025-07-29T12:12:00.000000Z"
    return Job(
        import_id="a",
        upload_name=name,
        received_at=received_at,
        content_type="text/csv",
        delimiter=",",
        encoding="utf-8",
    )


def test_the_rows_and_their_errors_are_the_same(reader: Reader, uploads: LocalUploads) -> None:
    with read_kept(uploads, _job(), settings=SETTINGS) as kept:
        here = [(chunk.rows_read, dict(chunk.accepted), chunk.refused) for chunk in kept.checked()]
    for _ in range(2):
        with reader.read(uploads, _job(), settings=SETTINGS, go_on=carry_on) as rows:
            there = [
                (chunk.rows_read, dict(chunk.accepted), chunk.refused) for chunk in rows.checked()
            ]
        assert [rows_read for rows_read, *_ in there] == [rows_read for rows_read, *_ in here]
        assert [
            {name: list(column) for name, column in columns.items()} for _, columns, _ in here
        ] == [columns for _, columns, _ in there]
        assert [refused for *_, refused in there] == [refused for *_, refused in here]
        assert rows.bytes_read == len(FILE)


def test_what_is_wrong_with_a_file_is_told(reader: Reader, uploads: LocalUploads) -> None:
    uploads.put("open.csv", (FILE + '"never closed').encode())
    for name, error in (("open.csv", UnreadableFile), ("none.csv", SourceMissing)):
        with (
            reader.read(uploads, _job(name), settings=SETTINGS, go_on=carry_on) as rows,
            pytest.raises(error),
        ):
            list(rows.checked())


def test_one_process_reads_many_files(reader: Reader, uploads: LocalUploads) -> None:
    seen = set()
    for _ in range(3):
        with reader.read(uploads, _job(), settings=SETTINGS, go_on=carry_on) as rows:
            list(rows.checked())
        assert reader._process is not None
        seen.add(reader._process.pid)
    assert len(seen) == 1


def test_a_reading_that_is_given_up_leaves_no_process(
    reader: Reader, uploads: LocalUploads
) -> None:
    with reader.read(uploads, _job(), settings=SETTINGS, go_on=carry_on) as rows:
        next(rows.checked())
        assert reader._process is not None
        process = reader._process
    assert process.poll() is not None


def test_a_reader_that_dies_is_noticed_and_replaced(reader: Reader, uploads: LocalUploads) -> None:
    with reader.read(uploads, _job(), settings=SETTINGS, go_on=carry_on) as rows:
        assert reader._process is not None
        os.kill(reader._process.pid, signal.SIGKILL)
        reader._process.wait()
        with pytest.raises(ReaderLost):
            list(rows.checked())
    with reader.read(uploads, _job(), settings=SETTINGS, go_on=carry_on) as rows:
        assert sum(chunk.rows_read for chunk in rows.checked()) == 5002


def test_an_import_may_be_read_apart(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    here = service.import_csv(FILE, "?on_error=skip")
    monkeypatch.setattr(apart, "LARGE_BYTES", 0)
    there = service.import_csv(FILE, "?on_error=skip")
    same = (
        "status",
        "record_count",
        "rows_read",
        "error_count",
        "errors",
        "bytes_read",
        "ignored_columns",
        "sha256",
    )
    assert [there[name] for name in same] == [here[name] for name in same]


def test_an_import_whose_reader_always_dies_is_given_up(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "LARGE_BYTES", 0)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    import_id = service.upload(FILE).json["import_id"]
    for attempt in range(1, MAX_LOST_ATTEMPTS + 1):
        service.work()
        assert (service.status(import_id)["status"], service.status(import_id)["attempt"]) == (
            "running",
            attempt,
        )
    service.work()
    assert service.status(import_id)["error"]["code"] == "worker_lost"
