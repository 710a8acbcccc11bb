"""Which requests are answered: writes from the service's own pages and from what is no browser,
under its own names."""

import os
from typing import Any

import pytest
from bottle import HTTPResponse, request
from webtest import TestResponse

from tests.http.recorded import CSV, Recorded, recorded
from tests.http.wsgi import ask
from tests.service import Service, StartService, problem

PUBLIC = "gpu.example.com"
PROXY = "10.0.0.2"
FOREIGN_PAGE = {"Origin": "http://evil.example"}
FOREIGN_FORM = {**FOREIGN_PAGE, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}


def _post(
    service: Service, path: str = "/api/import", peer: str = "127.0.0.1", **headers: str
) -> TestResponse:
    """A small upload, or the same body to another path. `Sec_Fetch_Site` stands for the header of
    that name."""
    named = {"Content-Type": "text/csv"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    options: dict[str, Any] = {"extra_environ": {"REMOTE_ADDR": peer}, "expect_errors": True}
    return service.http.post(path, CSV, headers=named, **options)


def _code(answer: TestResponse) -> str:
    return str(problem(answer)["code"]) if answer.status_code >= 400 else ""


def _is_taken(answer: TestResponse) -> bool:
    return answer.status_code in (200, 202)


@pytest.mark.parametrize(
    "request_", recorded("typed", "own-form", "own-fetch", "own-read", "script"), ids=str
)
def test_own_pages_and_scripts_are_answered(service: Service, request_: Recorded) -> None:
    assert _is_taken(request_.send(service))


FOREIGN = [request for request in recorded("cross-", "data-form", "file-form") if request.is_write]


@pytest.mark.parametrize("request_", FOREIGN, ids=str)
def test_a_page_of_another_site_can_not_write(shared_service: Service, request_: Recorded) -> None:
    answer = request_.send(shared_service)
    assert (answer.status_code, _code(answer)) == (403, "cross_site_request")
    assert shared_service.kept() == []


@pytest.mark.parametrize(
    "request_", [read for read in recorded("cross-") if not read.is_write], ids=str
)
def test_a_page_of_another_site_may_load_but_not_see(
    shared_service: Service, request_: Recorded
) -> None:
    answer = request_.send(shared_service)
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("request_", recorded("rebind-"), ids=str)
def test_a_name_that_was_rebound_gets_nothing(shared_service: Service, request_: Recorded) -> None:
    answer = request_.send(shared_service)
    assert (answer.status_code, _code(answer)) == (421, "host_not_allowed")
    assert "GLYPHD_ALLOWED_HOSTS" in problem(answer)["detail"]
    assert shared_service.kept() == []


@pytest.mark.parametrize("request_", recorded("own-noreferrer-form"), ids=str)
def test_a_page_that_hides_where_it_is_can_not_write(
    shared_service: Service, request_: Recorded
) -> None:
    """Own pages must not have the referrer policy `no-referrer`: it makes their origin `null`."""
    assert _code(request_.send(shared_service)) == "cross_site_request"


@pytest.mark.parametrize("action", ["rollback", "restore", "cancel", "retry"])
def test_a_foreign_form_changes_no_import(service: Service, action: str) -> None:
    import_id = service.import_csv(CSV)["import_id"]
    before = service.status(import_id)
    answer = _post(service, f"/api/imports/{import_id}/{action}", **FOREIGN_FORM)
    assert _code(answer) == "cross_site_request"
    service.work()
    assert service.status(import_id) == before


@pytest.mark.parametrize(
    "path", ["/api/import", "/api/listings/import", "/api/persist/listings", "/nowhere"]
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE"])
def test_no_method_but_the_safe_ones_passes(
    shared_service: Service, path: str, method: str
) -> None:
    answer = shared_service.http.request(
        path, method=method, headers=FOREIGN_PAGE, expect_errors=True
    )
    assert _code(answer) == "cross_site_request"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_safe_methods_pass_from_anywhere(shared_service: Service, method: str) -> None:
    answer = shared_service.http.request("/api/listings", method=method, headers=FOREIGN_FORM)
    assert answer.status_code in (200, 204)


def test_a_refused_body_is_not_read(shared_service: Service) -> None:
    headers = {**FOREIGN_FORM, "Content-Type": "text/csv"}
    answer = ask(shared_service, "/api/import", "POST", headers, CSV.encode())
    assert (answer.status, answer.unread) == (403, CSV.encode())


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8080", "http://localhost:8080"),
        ("localhost", "http://localhost"),
        ("localhost:80", "http://localhost"),
        ("localhost", "http://localhost:80"),
        ("localhost:443", "https://localhost"),
        ("localhost", "https://localhost"),
        ("LocalHost.:8080", "HTTP://LOCALHOST:8080"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080/"),
        ("127.1:8080", "http://127.0.0.1:8080"),
        ("[0:0:0:0:0:0:0:1]:8080", "http://[::1]:8080"),
        ("api:8080", "http://api:8080"),
    ],
)
def test_an_old_browser_that_sends_only_the_origin_can_write(
    service: Service, host: str, origin: str
) -> None:
    assert _is_taken(_post(service, Host=host, Origin=origin))


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://evil.example",
        "http://localhost",
        "https://localhost:8081",
        "http://localhost:8080.evil.example",
        "http://localhost.evil.example:8080",
        "http://evil.example/localhost:8080",
        "http://localhost:8080@evil.example",
        "http://evil.example@localhost:8080",
        "http://evil.example#localhost:8080",
        "http://evil.example\\@localhost:8080",
        "http://localhost:8080, http://evil.example",
        "http://evil.example, http://localhost:8080",
        "localhost:8080",
        "http://",
        "http://*",
        "ftp://localhost:8080",
        "file://",
        "moz-extension://localhost:8080",
        "http://localhost:99999999",
        "http://loc\xe4lhost:8080",
    ],
)
def test_another_origin_can_not_write(shared_service: Service, origin: str) -> None:
    assert (
        _code(_post(shared_service, Host="localhost:8080", Origin=origin)) == "cross_site_request"
    )


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_the_site_counts_over_the_origin(service: Service, site: str) -> None:
    """A proxy that passes no Host leaves nothing to compare the origin with."""
    assert _is_taken(
        _post(service, Host="upstream", Origin=f"https://{PUBLIC}", Sec_Fetch_Site=site)
    )


@pytest.mark.parametrize(
    "site", ["cross-site", "same-site", "", "Same-Origin", "none, cross-site", "whatever"]
)
def test_any_other_site_can_not_write(shared_service: Service, site: str) -> None:
    answer = _post(
        shared_service, Host="localhost:8080", Origin="http://localhost:8080", Sec_Fetch_Site=site
    )
    assert _code(answer) == "cross_site_request"


@pytest.mark.parametrize("path", ["/api/health", "/api/ready"])
@pytest.mark.parametrize("host", ["evil.example", "a, b", "", "?"])
def test_probes_may_ask_under_any_name(service: Service, path: str, host: str) -> None:
    service.greet()
    for method in ("GET", "HEAD"):
        assert ask(service, path, method, {"Host": host}).status == 200


@pytest.mark.parametrize(
    "path", ["/api/health/", "/api/healthy", "/api/health/../listings", "/api/schema"]
)
def test_nothing_else_is_exempt(shared_service: Service, path: str) -> None:
    answer = shared_service.http.get(path, headers={"Host": "evil.example"}, expect_errors=True)
    assert _code(answer) == "host_not_allowed"


def test_a_foreign_page_can_not_send_a_body_to_a_probed_path(shared_service: Service) -> None:
    assert _code(_post(shared_service, "/api/health", **FOREIGN_FORM)) == "cross_site_request"


@pytest.mark.parametrize("via", ["nginx $host", "nginx $http_host", "Caddy"])
def test_a_proxy_that_passes_the_host_needs_its_name_allowed(
    start_service: StartService, via: str
) -> None:
    named = recorded("own-", via=via, host=PUBLIC)
    assert {_code(request.send(start_service())) for request in named} == {"host_not_allowed"}
    service = start_service(allowed_hosts=PUBLIC)
    assert all(_is_taken(request.send(service)) for request in named)


@pytest.mark.parametrize("request_", recorded("own-", via="nginx", origin="https"), ids=str)
def test_a_proxy_that_passes_no_host_works_over_https(service: Service, request_: Recorded) -> None:
    """Browsers say the site to HTTPS and to this machine, which is all that has to be known."""
    assert _is_taken(request_.send(service))


LAN = [
    *recorded("own-", via="nginx", origin="http://gpu-box"),
    *recorded("own-", via="nginx $host", origin="http://gpu-box"),
]


@pytest.mark.parametrize("request_", LAN, ids=str)
def test_without_https_its_name_has_to_be_allowed(
    start_service: StartService, request_: Recorded
) -> None:
    """`$host` leaves the port out: then it is not the origin's."""
    assert _code(request_.send(start_service())) == "cross_site_request"
    assert _is_taken(request_.send(start_service(allowed_hosts="gpu-box")))


@pytest.mark.parametrize(
    "request_", recorded("own-", via="nginx $http_host", host="gpu-box"), ids=str
)
def test_a_proxy_that_passes_host_and_port_needs_nothing(
    service: Service, request_: Recorded
) -> None:
    assert _is_taken(request_.send(service))


FORWARDED = recorded("own-", via="nginx X-Forwarded-Host", origin="http://gpu-box")


@pytest.mark.parametrize("request_", FORWARDED, ids=str)
def test_the_forwarded_host_counts_from_a_trusted_proxy_alone(
    start_service: StartService, request_: Recorded
) -> None:
    service = start_service(trusted_proxies="10.0.0.0/24, 192.0.2.1, 2001:db8::/32")
    for peer in (PROXY, "192.0.2.1", "::ffff:10.0.0.2", "2001:db8::7"):
        assert _is_taken(request_.send(service, peer))
    for peer in ("10.0.1.2", "127.0.0.1", "::1", "", "unix"):
        assert _code(request_.send(service, peer)) == "cross_site_request"


@pytest.mark.parametrize(
    ("forwarded", "is_taken"),
    [
        (PUBLIC, True),
        (f"evil.example, {PUBLIC}", True),
        (f"{PUBLIC},evil.example", False),
        ("", False),
        ("?", False),
        (f"{PUBLIC}:8443", False),
    ],
)
def test_of_several_forwarded_hosts_the_last_counts(
    start_service: StartService, forwarded: str, is_taken: bool
) -> None:
    service = start_service(trusted_proxies=PROXY)
    answer = _post(
        service, peer=PROXY, Host="upstream", Origin=f"https://{PUBLIC}", X_Forwarded_Host=forwarded
    )
    assert _is_taken(answer) is is_taken


def test_the_forwarded_host_does_not_open_the_host_rule(start_service: StartService) -> None:
    service = start_service(trusted_proxies=PROXY)
    assert (
        _code(_post(service, peer=PROXY, Host=PUBLIC, X_Forwarded_Host="localhost"))
        == "host_not_allowed"
    )


def test_an_allowed_name_may_be_the_origin_of_a_page_on_any_port(
    start_service: StartService,
) -> None:
    service = start_service(allowed_hosts=f"ledger.lan, {PUBLIC.upper()}.")
    for origin in (f"https://{PUBLIC}", f"http://{PUBLIC}:8080", "http://ledger.lan"):
        assert _is_taken(_post(service, Host="upstream", Origin=origin))
    assert (
        _code(_post(service, Host="upstream", Origin=f"https://www.{PUBLIC}"))
        == "cross_site_request"
    )


def test_a_star_allows_any_host_and_no_foreign_page(start_service: StartService) -> None:
    service = start_service(allowed_hosts="*")
    assert _is_taken(_post(service, Host="evil.example"))
    assert (
        _code(_post(service, Host="evil.example", Origin="http://other.example"))
        == "cross_site_request"
    )
    assert _code(_post(service, Host="*")) == "invalid_host"


def test_a_refusal_has_a_request_id_and_is_logged(
    shared_service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = _post(shared_service, X_Request_Id="run-7", **FOREIGN_FORM)
    assert answer.headers["X-Request-Id"] == "run-7"
    assert "cross_site_request" in capsys.readouterr().out


def test_the_name_it_listens_on_is_its_own(start_service: StartService) -> None:
    assert (
        start_service(host="gpu.example")
        .http.get("/api/listings", headers={"Host": "gpu.example:9"})
        .json
        == []
    )


def test_this_machines_own_names_are_served(service: Service) -> None:
    name = os.uname().nodename
    for host in (name, f"{name.partition('.')[0]}.local:8080".upper()):
        assert service.http.get("/api/listings", headers={"Host": host}).json == []


def test_only_a_trusted_proxy_is_believed_about_the_client(start_service: StartService) -> None:
    service = start_service(trusted_proxies=PROXY)
    service.http.app.route(
        "/echo", "GET", lambda: HTTPResponse(f"{request.url} {request.remote_addr}")
    )
    headers = {
        "X-Forwarded-Host": PUBLIC,
        "X-Forwarded-Proto": "https",
        "X-Forwarded-For": "192.0.2.7",
    }
    seen = {
        peer: service.http.get("/echo", headers=headers, extra_environ={"REMOTE_ADDR": peer}).text
        for peer in (PROXY, "10.0.0.3")
    }
    assert seen == {
        PROXY: f"https://{PUBLIC}/echo 192.0.2.7",
        "10.0.0.3": "http://localhost:80/echo 10.0.0.3",
    }
