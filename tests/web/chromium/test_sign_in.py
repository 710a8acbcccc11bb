"""Signing in and out in a real browser: accessible, and within its policy."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.e2e.processes import data_in, run, serving
from tests.web.chromium.test_every_page import NARROW


@dataclass(frozen=True)
class Locked:
    """A running service that needs a token, and such a token."""

    address: str
    token: str


@pytest.fixture(scope="module")
def locked(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    environment = data_in(tmp_path_factory.mktemp("locked") / "data")
    created = run("token", "create", "ann", "--scope", "write", environment=environment)
    with serving(environment=environment) as api:
        yield Locked(api.address, created.stdout.strip())


def _sign_in(page: Page, token: str) -> None:
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.parametrize("width", [NARROW, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(
    chromium: Browser, locked: Locked, scheme: Literal["light", "dark"], width: int
) -> None:
    page = chromium.new_page(color_scheme=scheme, viewport={"width": width, "height": 740})
    for token in ("", "wrong", locked.token):
        page.goto(f"{locked.address}/login")
        if token:
            _sign_in(page, token)
        assert Axe().run(page).response["violations"] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_it_leads_back_and_out_again(page: Page, locked: Locked) -> None:
    page.goto(f"{locked.address}/imports?status=failed")
    expect(page).to_have_title("Sign in · glyphd")
    _sign_in(page, locked.token)
    expect(page).to_have_url(f"{locked.address}/imports?status=failed")
    expect(page.get_by_text("Signed in as ann")).to_be_visible()
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{locked.address}/login")
    assert page.evaluate("window.violations") == []


def test_a_page_that_is_open_leads_to_the_sign_in_when_the_session_ends(
    page: Page, locked: Locked
) -> None:
    page.goto(f"{locked.address}/status")
    _sign_in(page, locked.token)
    page.context.clear_cookies()
    expect(page).to_have_title("Sign in · glyphd")


def test_a_file_that_is_sent_without_a_session_stays_chosen(
    page: Page, locked: Locked, tmp_path: Path
) -> None:
    file = tmp_path / "offers.csv"
    file.write_text("model,price_usd,score\nL4,2400,0.7\n")
    page.goto(f"{locked.address}/upload")
    _sign_in(page, locked.token)
    page.get_by_label("CSV files of scored offers").set_input_files(file)
    page.context.clear_cookies()
    page.get_by_role("button", name="Import now").click()
    expect(page.locator("[data-state]")).to_contain_text("You are signed out.")
    assert page.get_by_label("CSV files of scored offers").evaluate("field => field.files.length")
