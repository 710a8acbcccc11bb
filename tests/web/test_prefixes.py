"""Pages behind a prefix: every link, form and asset is below it, and so are the cookie's path and
the page after signing in."""

import re
from typing import Any

import pytest

from tests.http.test_prefixes import FORWARDED, MOUNTED, PROXY, ROWS
from tests.service import Service, StartService
from tests.tokens import new_key
from tests.web.browsing import ACCEPT, Browser

FOREIGN = ("#", "data:", "https://")


@pytest.fixture(params=[MOUNTED, FORWARDED], ids=["mounted", "forwarded"])
def below(request: pytest.FixtureRequest, start_service: StartService) -> Service:
    """A service whose root is `/gpu` for its clients."""
    service = start_service(trusted_proxies=PROXY)
    service.http.extra_environ = request.param
    return service


def _addresses(page: Any) -> list[str]:
    """Every address on a page that a browser may request from this service."""
    tags = page.find_all(["a", "link", "script", "img", "form", "button", "input"])
    found = [tag.get(name) for tag in tags for name in ("href", "src", "action", "formaction")]
    return [address for address in found if address and not address.startswith(FOREIGN)]


def test_every_address_of_every_page_is_below_the_prefix(below: Service) -> None:
    browser = Browser(below)
    asked: set[str] = set()
    waiting = ["/", "/login", "/nowhere", "/listings?limit=x"]
    good = below.import_csv(ROWS)["import_id"]
    below.import_csv(ROWS.replace(",1,1,", ",x,1,"))
    below.import_csv(ROWS.replace(",1,1,", ",3,1,"))
    waiting += [f"/imports/{good}/rollback"]
    while waiting and len(asked) < 150:
        path = waiting.pop()
        shape = re.sub(r"[0-9a-f-]{32,}|as_of=[^&]*|cursor=[^&]*", "…", path)
        if shape in asked:
            continue
        asked.add(shape)
        answer = browser.get(path, "*")  # type: ignore[arg-type]  # webtest's word for any status
        if answer.content_type != "text/html":
            continue
        for address in _addresses(answer.html):
            assert re.match(r"/gpu(?=/|$)", address), (path, address)
            if not address.startswith(("/gpu/api/", "/gpu/static/")):
                waiting.append(address.removeprefix("/gpu").partition("#")[0])
        for example in re.findall(r"http://localhost[^\"<\s]*/api/[^\"<\s]*", answer.text):
            assert "/gpu/api/" in example, (path, example)
    assert len(asked) > 30


def test_an_empty_market_leads_below_the_prefix(below: Service) -> None:
    page = Browser(below).page("/")
    assert all(address.startswith("/gpu/") for address in _addresses(page))
    assert "/gpu/api/import" in page.get_text()


def test_the_assets_are_there(below: Service) -> None:
    for address in _addresses(Browser(below).page("/").head):
        assert below.http.get(address.removeprefix("/gpu")).status_code == 200


def test_a_form_leads_below_the_prefix(below: Service) -> None:
    import_id = below.import_csv(ROWS)["import_id"]
    answer = below.http.post(f"/imports/{import_id}/rollback", headers={"Accept": ACCEPT})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/gpu/imports/{import_id}")
    blank = Browser(below).get("/listings?model=&region=eu")
    assert blank.headers["Location"] == "/gpu/listings?region=eu"


def test_signing_in_leads_back_below_the_prefix(below: Service) -> None:
    token = new_key(below, "reader", "read")
    away = Browser(below).get("/listings?model=L4")
    assert away.headers["Location"] == "/gpu/login?next=%2Flistings%3Fmodel%3DL4"
    form = Browser(below).page("/login?next=%2Flistings%3Fmodel%3DL4").find("form")
    assert form["action"] == "/gpu/login"
    fields = {"token": token, "next": "/listings?model=L4"}
    back = below.http.post("/login", fields, headers={"Accept": ACCEPT})
    assert back.headers["Location"] == "/gpu/listings?model=L4"
    assert "; Path=/gpu" in back.headers["Set-Cookie"].replace("path", "Path")
    out = below.http.post("/logout", headers={"Accept": ACCEPT})
    assert out.headers["Location"] == "/gpu/login"
    assert "Path=/gpu" in out.headers["Set-Cookie"]


PUBLIC = {
    "REMOTE_ADDR": PROXY,
    "HTTP_HOST": "10.0.0.1:8080",
    "HTTP_X_FORWARDED_HOST": "gpu.example.com:8443",
    "HTTP_X_FORWARDED_PROTO": "https",
    "HTTP_X_FORWARDED_PREFIX": "/gpu",
}


def _shown_address(service: Service, **changed: str) -> str:
    """The address of the API that a page shows for copying."""
    environ = PUBLIC | changed
    page = service.http.get("/", headers={"Accept": ACCEPT}, extra_environ=environ).html
    found = re.search(r"curl -F \S+ (\S+)/api/import", page.get_text())
    assert found
    return found[1]


def test_a_page_shows_the_address_that_its_reader_used(start_service: StartService) -> None:
    service = start_service(trusted_proxies=PROXY)
    assert _shown_address(service) == "https://gpu.example.com:8443/gpu"
    chain = {"HTTP_X_FORWARDED_HOST": "evil.example, gpu.example.com"}
    assert _shown_address(service, **chain) == "https://gpu.example.com/gpu"


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("HOST", "evil.example/x", "https://10.0.0.1:8080/gpu"),
        ("HOST", "", "https://10.0.0.1:8080/gpu"),
        ("PROTO", "javascript", "http://gpu.example.com:8443/gpu"),
        ("PROTO", "http, HTTPS", "https://gpu.example.com:8443/gpu"),
        ("PREFIX", "//evil.example", "https://gpu.example.com:8443"),
    ],
)
def test_what_is_malformed_is_ignored(
    start_service: StartService, name: str, value: str, shown: str
) -> None:
    service = start_service(trusted_proxies=PROXY)
    assert _shown_address(service, **{f"HTTP_X_FORWARDED_{name}": value}) == shown


def test_an_untrusted_peer_is_shown_its_own_address(start_service: StartService) -> None:
    service = start_service(trusted_proxies=PROXY)
    assert _shown_address(service, REMOTE_ADDR="10.0.0.3") == "http://10.0.0.1:8080"
