"""Debian's Chromium, driven by Playwright, with a real service and its worker."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.e2e.processes import (
    PATIENCE_SECONDS,
    data_in,
    final_status,
    get,
    post_json,
    serving,
    upload,
)
from tests.web.chromium.launching import MISSING, find_chromium, launch
from tests.web.conftest import SAMPLES

COLLECT_VIOLATIONS = """
    window.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => {
        window.violations.push(event.violatedDirective);
    });
"""


@dataclass(frozen=True)
class Live:
    """A running service that holds the samples."""

    address: str
    pages: dict[str, str]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    found = find_chromium()
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    expect.set_options(timeout=1000 * PATIENCE_SECONDS)
    with sync_playwright() as playwright:
        browser = launch(playwright, found)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def live(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    # Without a browser no service is started: `chromium` has skipped or failed the test by now.
    folder = tmp_path_factory.mktemp("live") / "data"
    with serving(environment=data_in(folder)) as api:
        watch = post_json(api.address, "/api/watches", {"name": "all new", "condition": "new"})
        for name in ("scored_sample", "scored_sample_v1", "scored_sample_v2"):
            send(api.address, SAMPLES / f"{name}.csv", "daily")
        broken = upload(api.address, (SAMPLES / "broken_sample.csv").read_bytes(), "?source=weekly")
        final_status(api.address, broken["import_id"])
        check = upload(
            api.address, (SAMPLES / "scored_sample.csv").read_bytes(), "?source=daily&dry_run=true"
        )
        final_status(api.address, check["import_id"])
        pages = _pages(api.address) | {"watch": f"/watches/{watch['watch_id']}"}
        yield Live(api.address, pages)


@pytest.fixture
def empty(chromium: Browser, tmp_path: Path) -> Iterator[str]:
    """The address of an empty service; it is not started if there is no browser."""
    with serving(environment=data_in(tmp_path / "data")) as api:
        yield api.address


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(1000 * PATIENCE_SECONDS)
    context.add_init_script(COLLECT_VIOLATIONS)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def send(address: str, file: Path, source: str) -> None:
    """Imports a file."""
    accepted = upload(address, file.read_bytes(), f"?source={source}&filename={file.name}")
    assert final_status(address, accepted["import_id"])["status"] == "succeeded"


def _pages(address: str) -> dict[str, str]:
    """The path of each screen, by name."""
    (delta,) = get(address, "/api/deltas?limit=1")
    check = next(one for one in get(address, "/api/imports?status=succeeded") if one["dry_run"])
    (failed,) = get(address, "/api/imports?status=failed&limit=1")
    return {
        "market": "/",
        "a moment": "/?as_of=2026-01-01T00:00",
        "listings": "/listings",
        "filtered": "/listings?region=USA&sort=price_usd"
        "&fields=model,price_usd,heuristics,title,source_url",
        "listing": f"/listings/{delta['listing_id']}",
        "model": "/models/RTX_A6000",
        "changes": "/changes?sort=size",
        "compare": f"/compare?a={delta['previous_import_id']}&b={delta['import_id']}",
        "watches": "/watches",
        "imports": "/imports",
        "import": f"/imports/{delta['import_id']}",
        "failed import": f"/imports/{failed['import_id']}",
        "check": f"/imports/{check['import_id']}",
        "rollback": f"/imports/{delta['import_id']}/rollback",
        "upload": "/upload?source=daily&map=price_usd:Retail%20Price",
        "status": "/status",
        "API": "/docs",
        "API contents": "/docs/contents",
        "API market": "/docs/market",
        "API service": "/docs/service",
        "not found": "/models/RTX_A600",
        "bad parameter": "/listings?min_price=cheap",
    }
