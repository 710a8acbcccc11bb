"""`/docs` and the pages below it: everything in the OpenAPI document, for people."""

import re
from typing import Any

import pytest

from tests.service import Service
from tests.web.browsing import Browser

TRIED = re.compile(r"^/(api/|openapi\.json|metrics)")


@pytest.fixture
def document(archive: Service) -> dict[str, Any]:
    found: dict[str, Any] = archive.http.get("/openapi.json").json
    return found


ROUTES = ("/docs", "/docs/market", "/docs/service")
REFERENCE = (*ROUTES, "/docs/contents")


def _text(page: Any) -> str:
    return " ".join(page.get_text(" ").split())


def test_every_route_is_shown_with_all_its_parts(
    browser: Browser, document: dict[str, Any]
) -> None:
    pages = [browser.page(path) for path in ROUTES]
    page = pages[0]
    always = set(re.findall(r"[a-z_]+", page.find(id="problems").find_next("p").get_text()))
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            (heading,) = filter(None, (page.find(id=operation["operationId"]) for page in pages))
            shown = heading.parent
            assert shown.h3.get_text() == f"{method.upper()} {path}"
            text = _text(shown)
            assert operation["summary"] in text
            assert "curl" in shown.pre.get_text()
            for parameter in operation["parameters"]:
                assert parameter.get("name", parameter.get("$ref", "")).rpartition("/")[2] in text
            for media_type in operation.get("requestBody", {}).get("content", {}):
                assert media_type in text
            for status, response in operation["responses"].items():
                for media_type, content in response.get("content", {}).items():
                    codes = set(content.get("examples", {})) - always
                    assert codes <= set(text.replace(",", "").split()), (path, status)
                    assert int(status) >= 400 or media_type in text


def test_every_content_is_shown_with_its_members(
    browser: Browser, document: dict[str, Any]
) -> None:
    page = browser.page("/docs/contents")
    for name, schema in document["components"]["schemas"].items():
        shown = _with_base(page, name)
        assert [member for member in schema.get("properties", {}) if member not in shown] == []


def _with_base(page: Any, name: str) -> str:
    """The text about a content, and about the contents that it extends."""
    text = _text(page.find(id=name).parent)
    base = re.search(r"All of (\w+)", text)
    return text + (_with_base(page, base[1]) if base else "")


@pytest.mark.parametrize("path", REFERENCE)
def test_every_anchor_is_there(browser: Browser, path: str) -> None:
    pages = {at: browser.page(at) for at in REFERENCE}
    for link in pages[path].find("main").find_all("a"):
        target, _, anchor = link["href"].partition("#")
        if anchor:
            assert pages[target or path].find(id=anchor), link["href"]


def test_the_links_that_try_a_route_are_answered(browser: Browser, archive: Service) -> None:
    links = [
        link["href"]
        for path in ROUTES
        for link in browser.page(path).find_all("a", string="Try it")
    ]
    assert all(TRIED.match(link) for link in links)
    assert len(links) > 15
    for link in links:
        archive.http.get(link, status=503 if link == "/api/ready" else 200)


def test_an_empty_archive_has_nothing_to_try_by_name(service: Service) -> None:
    pages = [Browser(service).page(path) for path in ROUTES]
    links = [link["href"] for page in pages for link in page.find_all("a", string="Try it")]
    assert "/api/listings?limit=5" in links
    assert not any("{" in link or "/api/imports/" in link for link in links)
