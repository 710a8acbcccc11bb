"""Answers that need a temporary file leave the reserve of the disk free, share a budget, and end
with their client."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, BinaryIO

import pytest
from webtest import TestApp

from glyphd.api import answer_files
from glyphd.api.answer_files import STEP_BYTES, written
from glyphd.api.app import build_app
from glyphd.api.leaving import CLIENT_LEFT
from glyphd.disk import ScratchSpace
from glyphd.errors import StorageFull
from tests.http.conftest import Market
from tests.service import Service, StartService, problem

WHOLE = ("/api/listings", "/api/deltas", "/api/imports/{}/report.csv")
MIB = 1 << 20


def _filled(count: int) -> Callable[[BinaryIO], None]:
    return lambda file: file.writelines([b"x" * count])


def _with_space(service: Service, space: ScratchSpace) -> "TestApp[Any]":
    services = replace(service.services)
    services.scratch = space
    return TestApp(build_app(services))


@pytest.mark.parametrize("path", WHOLE)
def test_without_room_beyond_the_reserve_whole_results_are_503(market: Market, path: str) -> None:
    settings = market.service.settings
    full = ScratchSpace(settings, lambda _: settings.disk_reserve_bytes)
    http = _with_space(market.service, full)
    found = http.get(path.format(market.first), status=503)
    assert problem(found)["code"] == "storage_full"
    assert http.head(path.format(market.first), status=503).body == b""
    assert http.get("/api/listings?limit=1").status_code == 200


def test_room_is_asked_for_while_writing(start_service: StartService) -> None:
    settings = start_service(disk_reserve_bytes=10 * MIB).settings
    asked = []

    def shrinking(_: object) -> int:
        asked.append(1)
        return 20 * MIB - len(asked) * STEP_BYTES

    space = ScratchSpace(settings, shrinking)
    with pytest.raises(StorageFull):
        written(lambda file: file.writelines(b"x" * STEP_BYTES for _ in range(100)), space)
    assert 5 < len(asked) < 15


def test_files_that_are_not_sent_yet_share_a_budget(start_service: StartService) -> None:
    space = ScratchSpace(start_service(max_scratch_bytes=3 * MIB).settings)
    first = written(_filled(2 * MIB), space)
    with pytest.raises(StorageFull):
        written(_filled(2 * MIB), space)
    first.close()
    first.close()
    second = written(_filled(3 * MIB), space)
    second.close()
    written(_filled(3 * MIB), space).close()


def test_the_work_for_a_client_that_left_ends(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_files, "_LOOK_SECONDS", -1)
    http = TestApp(build_app(market.service.services), extra_environ={CLIENT_LEFT: lambda: True})
    assert problem(http.get("/api/listings", status=503))["code"] == "client_left"


@pytest.mark.parametrize(
    "path", ["/api/listings", "/api/deltas", "/api/imports/{}/diff/{}?kind=changed"]
)
def test_rows_that_are_not_read_to_their_end_leave_no_transaction(
    start_service: StartService, path: str
) -> None:
    service = start_service(max_scratch_bytes=STEP_BYTES)
    rows = "model,price_usd,score,source_url\n{}"
    one, two = (
        "".join(
            f"L4,{number + price},0.5,https://example.com/{'x' * 500}/{number}\n"
            for number in range(5000)
        )
        for price in (1, 2000)
    )
    imports = [service.import_csv(rows.format(lines))["import_id"] for lines in (one, two)]
    for _ in range(3):
        assert service.refusal(path.format(*imports), 503)["code"] == "storage_full"
    assert len(service.listings("?limit=10")) == 10
    assert service.import_csv(rows.format("L4,1,0.5,\n"))["status"] == "succeeded"
