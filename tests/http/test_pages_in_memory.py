"""A page is written in memory: only whole results need disk space."""

import shutil

import pytest

from tests.http.conftest import Market

PAGES = [
    "/api/listings?limit=2",
    "/api/models?limit=1",
    "/api/models/L4/history?limit=1",
    "/api/deltas?limit=1",
    "/api/imports?limit=1",
    "/api/imports/{first}/errors?limit=1",
    "/api/imports/{first}/diff/{second}?kind=changed&limit=1",
]


@pytest.mark.parametrize("form", ["json", "csv", "ndjson"])
@pytest.mark.parametrize("path", PAGES)
def test_a_page_needs_no_scratch_folder(own_market: Market, path: str, form: str) -> None:
    shutil.rmtree(own_market.service.settings.scratch_dir)
    page = path.format(first=own_market.first, second=own_market.second)
    assert own_market.service.http.get(f"{page}&format={form}").status_code == 200


def test_a_whole_result_does(own_market: Market) -> None:
    shutil.rmtree(own_market.service.settings.scratch_dir)
    own_market.service.refusal("/api/listings", 500)
