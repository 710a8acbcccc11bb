"""Which requests are answered: writes from the service's own pages and from clients that are not
browsers, under its own names."""

import pytest

from tests.http.recorded import CSV, Recorded, code_of, is_taken, post_csv, recorded
from tests.http.wsgi import ask
from tests.service import Service, problem

PUBLIC = "gpu.example.com"
PROXY = "10.0.0.2"
FOREIGN_PAGE = {"Origin": "http://evil.example"}
FOREIGN_FORM = {**FOREIGN_PAGE, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}


@pytest.mark.parametrize(
    "request_", recorded("typed", "own-form", "own-fetch", "own-read", "script"), ids=str
)
def test_own_pages_and_scripts_are_answered(service: Service, request_: Recorded) -> None:
    assert is_taken(request_.send(service))


FOREIGN = [request for request in recorded("cross-", "data-form", "file-form") if request.is_write]


@pytest.mark.parametrize("request_", FOREIGN, ids=str)
def test_a_page_of_another_site_can_not_write(shared_service: Service, request_: Recorded) -> None:
    answer = request_.send(shared_service)
    assert (answer.status_code, code_of(answer)) == (403, "cross_site_request")
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
    assert (answer.status_code, code_of(answer)) == (421, "host_not_allowed")
    assert "GLYPHD_ALLOWED_HOSTS" in problem(answer)["detail"]
    assert shared_service.kept() == []


@pytest.mark.parametrize("request_", recorded("own-noreferrer-form"), ids=str)
def test_a_page_that_hides_where_it_is_can_not_write(
    shared_service: Service, request_: Recorded
) -> None:
    """Our own pages must not have the referrer policy `no-referrer`, because it makes their origin
    `null`."""
    assert code_of(request_.send(shared_service)) == "cross_site_request"


@pytest.mark.parametrize("action", ["rollback", "restore", "cancel", "retry"])
def test_a_foreign_form_changes_no_import(service: Service, action: str) -> None:
    import_id = service.import_csv(CSV)["import_id"]
    before = service.status(import_id)
    answer = post_csv(service, f"/api/imports/{import_id}/{action}", **FOREIGN_FORM)
    assert code_of(answer) == "cross_site_request"
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
    assert code_of(answer) == "cross_site_request"


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
    assert is_taken(post_csv(service, Host=host, Origin=origin))


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
    answer = post_csv(shared_service, Host="localhost:8080", Origin=origin)
    assert code_of(answer) == "cross_site_request"


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_the_site_counts_over_the_origin(service: Service, site: str) -> None:
    """Behind a proxy that does not pass the Host header, there is nothing to compare the origin
    with."""
    assert is_taken(
        post_csv(service, Host="upstream", Origin=f"https://{PUBLIC}", Sec_Fetch_Site=site)
    )


@pytest.mark.parametrize(
    "site", ["cross-site", "same-site", "", "Same-Origin", "none, cross-site", "whatever"]
)
def test_any_other_site_can_not_write(shared_service: Service, site: str) -> None:
    answer = post_csv(
        shared_service, Host="localhost:8080", Origin="http://localhost:8080", Sec_Fetch_Site=site
    )
    assert code_of(answer) == "cross_site_request"


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
    assert code_of(answer) == "host_not_allowed"


def test_a_foreign_page_can_not_send_a_body_to_a_probed_path(shared_service: Service) -> None:
    assert code_of(post_csv(shared_service, "/api/health", **FOREIGN_FORM)) == "cross_site_request"


def test_a_refusal_has_a_request_id_and_is_logged(
    shared_service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = post_csv(shared_service, X_Request_Id="run-7", **FOREIGN_FORM)
    assert answer.headers["X-Request-Id"] == "run-7"
    assert "cross_site_request" in capsys.readouterr().out
