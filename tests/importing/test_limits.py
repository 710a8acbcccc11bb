"""Limits of a file: the length of a line, and the size that gzip may unpack to."""

import gzip
from typing import Any

import pytest

from tests.service import Service, StartService

HEADER = b"model,price_usd,score,notes\n"
GZIP = {"Content_Encoding": "gzip"}
LINE = 1024
UNPACKED = 20_000


def test_a_line_of_the_longest_length_is_read(start_service: StartService) -> None:
    row = b"A,1,0.5,"
    longest = row + b"x" * (LINE - len(row) - 1) + b"\n"
    assert _import(start_service(max_line_bytes=LINE), HEADER + longest)["status"] == "succeeded"


@pytest.mark.every_way
def test_an_over_long_line_is_its_rows_error(start_service: StartService) -> None:
    service = start_service(max_line_bytes=LINE)
    status = _import(service, HEADER + b"A,1,0.5,\n" + b"B,1,0.5," + b"x" * 5000 + b"\nC,1,0.5,\n")
    assert _errors(status) == [(2, 3, "line_too_long")]
    assert _models(service, status) == [("A", 1, 2), ("C", 3, 4)]


def test_an_over_long_line_that_may_leave_a_quote_open_makes_the_file_unreadable(
    start_service: StartService,
) -> None:
    service = start_service(max_line_bytes=LINE)
    status = _import(
        service, HEADER + b'A,1,0.5,"' + b"x" * 5000 + b'\nB,1,0.5,quoted\n"\nC,1,0.5,\n'
    )
    assert (status["error"]["code"], status["rows_read"]) == ("unreadable_file", 0)
    assert "line 2" in status["error"]["message"]


@pytest.mark.every_way
def test_the_worker_holds_to_the_columns_too(start_service: StartService) -> None:
    """The setting may have changed by then."""
    import_id = start_service().upload(HEADER[:-1] + b"," * 100 + b"\nA,1,0.5,\n").json["import_id"]
    service = start_service(max_columns=50)
    service.work()
    status = service.status(import_id)
    assert (status["error"]["code"], status["rows_read"]) == ("unreadable_file", 0)


def test_gzip_may_unpack_to_the_cap(start_service: StartService) -> None:
    service = start_service(max_unpacked_bytes=UNPACKED)
    status = _import(service, gzip.compress(_of_size(UNPACKED)), **GZIP)
    assert status["status"] == "succeeded"


@pytest.mark.every_way
def test_gzip_that_unpacks_to_more_is_unreadable(start_service: StartService) -> None:
    service = start_service(max_unpacked_bytes=UNPACKED)
    status = _import(service, gzip.compress(_of_size(UNPACKED + 1)), **GZIP)
    assert (status["status"], status["error"]["code"]) == ("failed", "unreadable_file")
    assert str(UNPACKED) in status["error"]["message"]
    assert _models(service, status) == []


def test_a_bomb_of_one_line_is_not_read_to_its_end(start_service: StartService) -> None:
    """Its only row is never complete; otherwise the row would have an error of its own."""
    service = start_service(max_unpacked_bytes=2_000_000)
    status = _import(service, gzip.compress(HEADER + b"A" * 20_000_000), **GZIP)
    assert (status["error"]["code"], status["rows_read"], status["errors"]) == (
        "unreadable_file",
        0,
        [],
    )


def test_the_cap_on_unpacking_is_none_on_plain_files(start_service: StartService) -> None:
    service = start_service(max_unpacked_bytes=UNPACKED)
    assert _import(service, _of_size(UNPACKED + 1))["status"] == "succeeded"


def _of_size(size: int) -> bytes:
    """A good file of this many bytes."""
    row = b"A,1,0.5,note\n"
    rows = HEADER + row * ((size - len(HEADER)) // len(row) - 1)
    last = b"A,1,0.5,\n"
    return rows + last[:-1] + b"x" * (size - len(rows) - len(last)) + b"\n"


def _import(service: Service, file: bytes, **headers: str) -> dict[str, Any]:
    return service.import_csv(file, "?on_error=skip", **headers)


def _errors(status: dict[str, Any]) -> list[tuple[int, int, str]]:
    return [(error["row"], error["line"], error["code"]) for error in status["errors"]]


def _models(service: Service, status: dict[str, Any]) -> list[tuple[str, int, int]]:
    rows = service.listings(f"?import_id={status['import_id']}")
    return [(row["model"], row["import_index"], row["line"]) for row in rows]
