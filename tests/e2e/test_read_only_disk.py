"""A SQLite archive on a read-only disk: imports wait, reads go on, and nothing is lost once it is
writable again."""

from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from tests.chaos.disks import read_only_mount
from tests.e2e.processes import (
    Process,
    data_in,
    final_status,
    get,
    many_offers,
    serving,
    until,
    upload,
)


def _waits(service: Process, import_id: str) -> dict[str, Any] | None:
    status: dict[str, Any] = get(service.address, f"/api/imports/{import_id}")
    assert status["status"] != "failed", status["error"]
    return status if status["status"] == "queued" and status["reason"] else None


def _is_open_for_writing(service: Process, file: Path) -> bool:
    """Whether a process could still write after the remount. SQLite keeps a file open a little
    longer than the connection if another connection of the process reads it."""
    opened = (found for one in service.children() for found in one.open_files())
    return any(found.path == str(file) and "+" in found.mode for found in opened)


def test_imports_wait_while_the_archive_is_read_only(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(environment=data_in(data)) as service:
        first = upload(service.address, many_offers(20))["import_id"]
        assert final_status(service.address, first)["status"] == "succeeded"
        until(lambda: not _is_open_for_writing(service, data / "gpu.sqlite"))
        with read_only_mount(data / "gpu.sqlite"):
            second = upload(service.address, many_offers(30, price=2000), Prefer="respond-async")[
                "import_id"
            ]
            reason = until(lambda: _waits(service, second))["reason"]
            assert "read-only" in reason
            assert str(tmp_path) not in reason
            assert len(get(service.address, f"/api/listings?import_id={first}")) == 20
            with pytest.raises(HTTPError) as refused:
                get(service.address, "/api/ready")
            assert refused.value.code == 503
            refused.value.close()
        status = final_status(service.address, second)
        assert (status["status"], status["record_count"], status["reason"]) == (
            "succeeded",
            30,
            None,
        )


def _answer_of_upload(service: Process) -> tuple[int, bytes]:
    try:
        upload(service.address, many_offers(30, price=2000))
    except HTTPError as refused:
        with refused:
            return refused.code, refused.read()
    return 202, b""


def test_a_data_folder_that_is_read_only_refuses_uploads_and_fails_none(tmp_path: Path) -> None:
    """The folder also holds the registry and the uploads: accepted imports must not fail, and new
    uploads get a 503."""
    data = tmp_path / "data"
    with serving(environment=data_in(data)) as service:
        accepted = [
            upload(service.address, many_offers(3000, price=1000 + n))["import_id"]
            for n in range(3)
        ]
        with read_only_mount(data):
            status_code, problem = _answer_of_upload(service)
            assert (status_code, str(tmp_path).encode() in problem) == (503, False)
        for import_id in accepted:
            status = final_status(service.address, import_id)
            assert (status["status"], status["record_count"]) == ("succeeded", 3000)
        assert _answer_of_upload(service) == (202, b"")
