"""Debian's Chromium, driven by Playwright: the installed one, never downloaded."""

import shutil

from playwright.sync_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser")
MISSING = (
    "there is no Chromium here, so the browser tests did not run: install it (Debian: `apt-get "
    "install chromium`), "
    'then run `make test ARGS="tests/web/chromium"`'
)


def find_chromium() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


def launch(playwright: Playwright, executable: str) -> Browser:
    """Without Chromium's sandbox, which does not work for root and in containers; it only opens our
    own pages."""
    return playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
