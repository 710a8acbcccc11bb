"""One attempt at one import: what makes a file unreadable, and what is then reported."""

import gzip
from typing import Any

import pytest

from tests.service import Service, StartService, offers

ROW = "L4,2400,0.7,EU,Acme,2025-07-29"
# Random enough to stay large in gzip, and long enough for damage to come after the first
# block.
LONG = offers(
    *(
        f"M{number * 7919 % 10007},{number * 31 % 977},0.7,EU,S{number},2025-07-29"
        for number in range(20_000)
    )
)


def _error(service: Service, csv: str | bytes, query: str = "", **headers: str) -> dict[str, Any]:
    status = service.import_csv(csv, query, **headers)
    assert (status["status"], status["record_count"], service.listings()) == ("failed", 0, [])
    found: dict[str, Any] = status["error"]
    return found


@pytest.mark.every_way
@pytest.mark.parametrize("query", ["", "?on_error=skip"])
def test_a_quote_that_never_closes_is_an_error_of_the_file(service: Service, query: str) -> None:
    error = _error(service, offers(ROW, '"L4,1,1,,,2025-01-01', ROW, ROW), query)
    assert error["code"] == "unreadable_file"
    assert "line 3" in error["message"]


@pytest.mark.every_way
def test_rows_before_it_were_read_and_their_errors_are_told(service: Service) -> None:
    csv = offers(*["L4,$,1,,,2025-01-01"] * 1000, '"L4,1,1,,,2025-01-01')
    status = service.import_csv(csv, "?on_error=skip")
    assert (status["error"]["code"], status["rows_read"], status["error_count"]) == (
        "unreadable_file",
        1000,
        1000,
    )
    assert len(service.http.get(status["links"]["errors"]).json) == 1000


@pytest.mark.every_way
@pytest.mark.parametrize(
    "damage",
    [
        lambda packed: packed[:-4000],
        lambda packed: packed[:-4000] + b"x" * 4000,
        lambda packed: packed[:-8] + b"x" * 8,
    ],
    ids=["cut short", "damaged", "a wrong checksum"],
)
def test_damaged_gzip_is_an_error_of_the_file(service: Service, damage: Any) -> None:
    error = _error(service, damage(gzip.compress(LONG.encode())), Content_Encoding="gzip")
    assert (error["code"], "gzip" in error["message"]) == ("unreadable_file", True)


@pytest.mark.every_way
def test_gzip_may_not_unpack_to_more_than_it_may(start_service: StartService) -> None:
    service = start_service(max_unpacked_bytes=len(LONG) // 2)
    error = _error(service, gzip.compress(LONG.encode()), Content_Encoding="gzip")
    assert error["code"] == "unreadable_file"
    assert str(len(LONG) // 2) in error["message"]


def test_gzip_may_unpack_to_as_much_as_it_may(start_service: StartService) -> None:
    service = start_service(max_unpacked_bytes=len(LONG))
    status = service.import_csv(gzip.compress(LONG.encode()), Content_Encoding="gzip")
    assert (status["status"], status["record_count"]) == ("succeeded", 20_000)


def test_a_header_longer_than_the_first_block_shows_its_missing_rows_here(service: Service) -> None:
    packed = gzip.compress(offers().encode() + b"\n" * 200_000)
    error = _error(service, packed, Content_Encoding="gzip")
    assert error == {"code": "unreadable_file", "message": "the file has a header but no rows"}


def test_progress_is_counted_in_bytes_as_received(service: Service) -> None:
    packed = gzip.compress(LONG.encode())
    status = service.import_csv(packed, Content_Encoding="gzip")
    assert (status["bytes_read"], status["size_bytes"], status["progress"]) == (
        len(packed),
        len(packed),
        1.0,
    )


@pytest.mark.every_way
def test_a_failed_import_says_how_far_it_came(service: Service) -> None:
    csv = offers(*[ROW] * 1000, '"L4,1,1,,,2025-01-01')
    status = service.import_csv(csv)
    assert status["rows_read"] == 1000
    assert 0 < status["bytes_read"] < len(csv)
