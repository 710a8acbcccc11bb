"""Links, `Location` and `Link` start with the prefix under which clients reach the service: that of
the WSGI server, or one named by a trusted proxy."""

from typing import Any
from urllib.parse import urljoin

import pytest
from webtest import TestResponse

from tests.service import Service, StartService, next_page, offers, problem

PROXY = "10.0.0.2"
ROWS = offers("L4,1,1,eu,a,2026-01-01T00:00:00Z", "T4,2,1,eu,b,2026-01-01T00:00:00Z")
CSV = {"Content-Type": "text/csv"}
ROW = {"model": "H100", "price_usd": 2, "score": 0.9, "seen_at": "2026-01-01T00:00:00Z"}
MOUNTED = {"SCRIPT_NAME": "/gpu"}
FORWARDED = {"REMOTE_ADDR": PROXY, "HTTP_X_FORWARDED_PREFIX": "/gpu"}


@pytest.fixture(params=[MOUNTED, FORWARDED], ids=["mounted", "forwarded"])
def below(request: pytest.FixtureRequest, start_service: StartService) -> Service:
    """A service whose root is `/gpu` for its clients."""
    service = start_service(trusted_proxies=PROXY)
    service.http.extra_environ = request.param
    return service


def _links(content: Any) -> list[str]:
    """The links of a status, of a list of statuses, or of a problem."""
    if isinstance(content, list):
        return [link for one in content for link in _links(one)]
    found = [*content.get("links", {}).values()]
    return found + (_links(content["import"]) if "import" in content else [])


def _assert_below(answer: TestResponse) -> None:
    found = [answer.headers[name] for name in ("Location",) if name in answer.headers]
    found += _links(answer.json)
    assert found
    assert all(link.startswith("/gpu/api/") for link in found), found


def test_every_status_links_below_the_prefix(below: Service) -> None:
    sent = below.upload(ROWS)
    _assert_below(sent)
    below.work()
    path = f"/api/imports/{sent.json['import_id']}"
    _assert_below(below.http.get(path))
    _assert_below(below.http.get("/api/imports"))
    with below.live_worker():
        _assert_below(below.http.post(f"{path}/rollback"))
        _assert_below(below.http.post(f"{path}/restore"))
        _assert_below(below.upload(ROWS, Prefer="wait=30"))
        _assert_below(below.http.post_json("/api/persist/listings", [ROW]))
        wrong = below.post(
            "/api/import", ROWS.replace("1,1", "x,1"), {**CSV, "Prefer": "wait=30"}, 422
        )
        _assert_below(wrong)
    _assert_below(below.http.post(f"/api/imports/{wrong.json['import']['import_id']}/retry"))
    waiting = below.upload(ROWS + "L40,1,1,eu,c,2026-01-01T00:00:00Z\n")
    _assert_below(below.http.post(f"/api/imports/{waiting.json['import_id']}/cancel"))


def test_a_next_page_is_below_the_prefix(below: Service) -> None:
    below.import_csv(ROWS)
    below.import_csv(ROWS.replace(",1,1,", ",3,1,"))
    for path in ("/api/listings", "/api/models", "/api/imports", "/api/events"):
        page = below.http.get(f"{path}?limit=1")
        assert next_page(page).startswith(f"/gpu{path}?limit=1&"), path


def test_other_addresses_are_below_the_prefix(below: Service) -> None:
    import_id = below.import_csv(ROWS)["import_id"]
    other_id = below.import_csv(ROWS.replace(",1,1,", ",3,1,"))["import_id"]
    listing_id = below.listings("?limit=1")[0]["listing_id"]
    source = below.http.get(f"/api/listings/{listing_id}/source")
    assert source.headers["Content-Location"].startswith(f"/gpu/api/listings/{listing_id}/source?")
    assert source.headers["Link"].startswith("</gpu/api/imports/")
    diff = below.http.get(f"/api/imports/{import_id}/diff/{other_id}").json
    assert all(link.startswith("/gpu/api/imports/") for link in diff["links"].values())
    made = below.http.post_json("/api/webhooks", {"url": "https://example.com/hook"})
    assert made.headers["Location"] == f"/gpu/api/webhooks/{made.json['webhook_id']}"
    wrong = problem(below.http.get("/api/listing", status=404))
    assert wrong["nearest"] == "/gpu/api/listings"
    assert "no such path: /gpu/api/listing;" in wrong["detail"]


def test_the_document_names_its_own_folder_as_the_server(below: Service) -> None:
    (server,) = below.http.get("/openapi.json").json["servers"]
    base = urljoin("https://gpu.example.com/gpu/openapi.json", server["url"])
    assert base == "https://gpu.example.com/gpu/"


def test_each_prefix_has_its_own_tags(start_service: StartService) -> None:
    service = start_service()
    service.import_csv(ROWS)
    tags = {
        service.http.get("/api/listings?limit=1", extra_environ={"SCRIPT_NAME": name}).headers[
            "ETag"
        ]
        for name in ("", "/gpu", "/other")
    }
    assert len(tags) == 3


def _prefix(service: Service, environ: dict[str, str]) -> str:
    """The part of a Location before the path."""
    made = service.http.post(
        "/api/import", ROWS, {"Content-Type": "text/csv"}, extra_environ=environ
    )
    return str(made.headers["Location"]).partition("/api/imports/")[0]


@pytest.mark.parametrize(
    ("header", "prefix"),
    [
        ("/gpu", "/gpu"),
        ("/gpu/", "/gpu"),
        ("/a/b-c_d.e~1", "/a/b-c_d.e~1"),
        ("/gr%C3%B6%C3%9Fe", "/gr%C3%B6%C3%9Fe"),
        ("/client, /gpu", "/gpu"),
        ("/", ""),
        ("", ""),
        ("gpu", ""),
        ("//evil.example", ""),
        ("/gpu//evil.example", ""),
        ("/\\evil.example", ""),
        ("https://evil.example", ""),
        ("/gpu; Path=/", ""),
        ("/gpu>; rel=next", ""),
        ("/gpu?a=b", ""),
        ("/gpu#a", ""),
        ('/"onload=', ""),
        ("/a b", ""),
        ("/a/../b", ""),
        ("/a/%2E%2e/b", ""),
        ("/a%0d%0aX: y", ""),
        ("/a%zz", ""),
        ("/größe", ""),
        ("/" + "a" * 200, ""),
    ],
)
def test_a_malformed_prefix_is_ignored(
    start_service: StartService, header: str, prefix: str
) -> None:
    service = start_service(trusted_proxies=PROXY)
    environ = {**FORWARDED, "HTTP_X_FORWARDED_PREFIX": header}
    assert _prefix(service, environ) == prefix


@pytest.mark.parametrize(
    ("mounted", "prefix"),
    [("/gpu", "/gpu"), ("/gr\xc3\xb6\xc3\x9fe", "/gr%C3%B6%C3%9Fe"), ("//evil.example", "")],
)
def test_the_prefix_of_the_wsgi_server_is_quoted(
    service: Service, mounted: str, prefix: str
) -> None:
    assert _prefix(service, {"SCRIPT_NAME": mounted}) == prefix


def test_the_proxy_knows_better_than_the_wsgi_server(start_service: StartService) -> None:
    service = start_service(trusted_proxies=PROXY)
    assert _prefix(service, {**MOUNTED, **FORWARDED, "HTTP_X_FORWARDED_PREFIX": "/a"}) == "/a"


def test_an_untrusted_peer_has_no_prefix(start_service: StartService) -> None:
    service = start_service(trusted_proxies=PROXY)
    assert _prefix(service, {**FORWARDED, "REMOTE_ADDR": "10.0.0.3"}) == ""
