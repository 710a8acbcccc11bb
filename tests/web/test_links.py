"""No page has a dead link."""

import re
from urllib.parse import urljoin, urlsplit

from tests.web.browsing import Browser

MOST_FOLLOWED = 400


def _followed(browser: Browser) -> dict[str, str]:
    """Every address that a page links to, without repeating similar ones; pages of the site are
    followed in turn."""
    found = {"/": ""}
    waiting = ["/"]
    while waiting:
        at = waiting.pop()
        for link in browser.page(at).find_all(["a", "link", "script", "img", "form"]):
            target = link.get("href") or link.get("src") or link.get("action")
            if (
                target is None
                or target.startswith(("#", "data:", "http"))
                or link.get("method") == "post"
            ):
                continue
            path = urljoin(at, target).partition("#")[0]
            shape = re.sub(r"[0-9a-f-]{32,}|as_of=[^&]*|cursor=[^&]*", "…", path)
            if shape not in found:
                found[shape] = path
                if (
                    not urlsplit(path).path.startswith(("/api/", "/static/", "/openapi.json"))
                    and len(found) < MOST_FOLLOWED
                ):
                    waiting.append(path)
    return found


def test_no_link_of_any_page_is_dead(browser: Browser) -> None:
    for path in _followed(browser).values():
        if path and path != "/api/ready":  # no worker is alive here, so this is a 503
            browser.get(path, 200)
