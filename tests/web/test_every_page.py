"""Rules for every page: its policy, who gets it, tags, links, and past moments."""

from typing import Any

import pytest

from tests.service import Service
from tests.web.browsing import Browser

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src "
    "'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PAGES = [
    "/",
    "/listings",
    "/changes",
    "/compare",
    "/watches",
    "/imports",
    "/upload",
    "/status",
    "/docs",
    "/docs/contents",
    "/docs/market",
    "/docs/service",
]
MOST_BYTES = 100_000


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_the_policy_and_nothing_inline(browser: Browser, path: str) -> None:
    answer = browser.get(path, 200)
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.content_type == "text/html"
    page: Any = answer.html
    assert not page.find_all("style")
    assert all(script.get("src", "").startswith("/static/") for script in page.find_all("script"))
    attributes = {name for element in page.find_all(True) for name in element.attrs}
    assert not {name for name in attributes if name == "style" or name.startswith("on")}


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_one_heading_a_title_and_a_language(browser: Browser, path: str) -> None:
    page = browser.page(path)
    assert len(page.find_all("h1")) == 1
    assert page.title.string.endswith(" · glyphd")
    assert page.html["lang"] == "en"


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_small(browser: Browser, path: str) -> None:
    assert len(browser.get(path).body) < MOST_BYTES


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "text/html;q=0"])
def test_a_program_is_answered_as_if_there_were_no_pages(
    archive: Service, path: str, accept: str | None
) -> None:
    headers = {"Accept": accept} if accept else {}
    answer = archive.http.get(path, headers=headers, status=404)
    assert (answer.content_type, answer.json["code"]) == ("application/problem+json", "not_found")


@pytest.mark.parametrize("path", PAGES)
def test_head_gives_the_headers_of_the_page(archive: Service, path: str) -> None:
    answer = archive.http.head(path, headers={"Accept": "text/html"})
    assert (answer.content_type, answer.body) == ("text/html", b"")


@pytest.mark.parametrize("path", [path for path in PAGES if path != "/status"])
def test_a_page_that_has_not_changed_is_not_sent_again(browser: Browser, path: str) -> None:
    etag = browser.get(path).headers["ETag"]
    again = browser.get(path, 304, If_None_Match=etag)
    assert (again.body, again.headers["ETag"]) == (b"", etag)
    assert browser.get(path, 200, If_None_Match='"another"').headers["ETag"] == etag


@pytest.mark.parametrize("path", PAGES)
def test_a_field_left_empty_is_left_out_of_the_address(browser: Browser, path: str) -> None:
    answer = browser.get(f"{path}?as_of=&sort=", 303)
    assert answer.headers["Location"].endswith(path)


@pytest.mark.parametrize("path", ["/", "/listings", "/compare"])
def test_a_page_of_a_moment_says_so_and_keeps_it_in_its_links(browser: Browser, path: str) -> None:
    page = browser.page(f"{path}?as_of=2026-01-01T00:00")
    assert "As of 2026-01-01 00:00 UTC." in " ".join(page.find(class_="banner").get_text().split())
    links = [link["href"] for link in page.find("nav").find_all("a")]
    assert all("as_of=2026-01-01" in link for link in links)


@pytest.mark.parametrize("path", PAGES)
def test_a_wrong_parameter_is_named_on_a_page(browser: Browser, path: str) -> None:
    page: Any = browser.get(f"{path}?as_of=yesterday", 400).html
    assert "A parameter has an invalid value" in page.find("h1").get_text()
    facts = {item.dt.get_text(): item.dd.get_text() for item in page.select(".facts > div")}
    assert (facts["Parameter"], facts["Value"]) == ("as_of", "yesterday")


def test_an_unknown_path_is_a_page(browser: Browser) -> None:
    answer = browser.get("/nowhere/at/all", 404)
    assert "No such path: /nowhere/at/all." in answer.html.get_text()
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.headers["X-Request-Id"] in answer.text


def test_the_api_answers_in_its_own_words_whoever_asks(browser: Browser) -> None:
    assert browser.get("/api/listings/nope", 404).content_type == "application/problem+json"


def test_a_static_file_has_an_address_for_its_content(browser: Browser, archive: Service) -> None:
    style: Any = browser.page("/").find("link", rel="stylesheet")["href"]
    answer = archive.http.get(style)
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.content_type == "text/css"
    assert len(answer.body) < 15_000
    archive.http.get("/static/0000000000000000/style.css", status=404)
    archive.http.get(style.replace("style.css", "../theme.py"), status=404)
