"""Rules for every page in a real browser: accessible, within its policy, and not wider than the
screen."""

from typing import Literal
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.web.chromium.conftest import COLLECT_VIOLATIONS, Live

NAMES = [
    "market", "a moment", "listings", "filtered", "listing", "model", "changes", "compare",
    "watches", "watch",
    "imports", "import",
    "failed import", "check", "rollback", "upload", "status",
    "API", "API contents", "API market", "API service",
    "not found", "bad parameter",
]  # fmt: skip
NARROW = 360


def _violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {[node['html'][:200] for node in one['nodes']][:3]}" for one in found]


def test_the_names_tested_are_all_there_are(live: Live) -> None:
    assert sorted(NAMES) == sorted(live.pages)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_keeps_to_its_policy_and_its_host(page: Page, live: Live, name: str) -> None:
    hosts: set[str] = set()
    failures: list[str] = []
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.goto(live.address + live.pages[name], wait_until="networkidle")
    assert page.evaluate("window.violations") == []
    assert hosts == {urlsplit(live.address).netloc}
    assert failures == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_nothing(
    chromium: Browser, live: Live, name: str, scheme: Literal["light", "dark"]
) -> None:
    page = chromium.new_page(color_scheme=scheme)
    page.goto(live.address + live.pages[name])
    for closed in page.locator("details").all():
        closed.evaluate("element => { element.open = true; }")
    assert _violations(page) == []
    page.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_page_fits_a_phone(chromium: Browser, live: Live, name: str) -> None:
    page = chromium.new_page(viewport={"width": NARROW, "height": 740}, has_touch=True)
    page.goto(live.address + live.pages[name])
    for closed in page.locator("details").all():
        closed.evaluate("element => { element.open = true; }")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW
    assert _violations(page) == []
    page.close()


def test_the_invitation_of_an_empty_archive_holds_to_the_same(
    chromium: Browser, empty: str
) -> None:
    page = chromium.new_page(viewport={"width": NARROW, "height": 740})
    page.add_init_script(COLLECT_VIOLATIONS)
    page.goto(empty, wait_until="networkidle")
    assert _violations(page) == []
    assert page.evaluate("window.violations") == []
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW
    page.close()
