"""The names under which requests are answered: its own, those that are allowed, and those that a
proxy passes."""

import os

import pytest
from bottle import HTTPResponse, request

from tests.http.recorded import Recorded, code_of, is_taken, post_csv, recorded
from tests.service import Service, StartService

PUBLIC = "gpu.example.com"
PROXY = "10.0.0.2"


@pytest.mark.parametrize("via", ["nginx $host", "nginx $http_host", "Caddy"])
def test_a_proxy_that_passes_the_host_needs_its_name_allowed(
    start_service: StartService, via: str
) -> None:
    named = recorded("own-", via=via, host=PUBLIC)
    assert {code_of(request.send(start_service())) for request in named} == {"host_not_allowed"}
    service = start_service(allowed_hosts=PUBLIC)
    assert all(is_taken(request.send(service)) for request in named)


@pytest.mark.parametrize("request_", recorded("own-", via="nginx", origin="https"), ids=str)
def test_a_proxy_that_passes_no_host_works_over_https(service: Service, request_: Recorded) -> None:
    """Over HTTPS and to this machine, browsers send `Sec-Fetch-Site`, which is enough."""
    assert is_taken(request_.send(service))


LAN = [
    *recorded("own-", via="nginx", origin="http://gpu-box"),
    *recorded("own-", via="nginx $host", origin="http://gpu-box"),
]


@pytest.mark.parametrize("request_", LAN, ids=str)
def test_without_https_its_name_has_to_be_allowed(
    start_service: StartService, request_: Recorded
) -> None:
    """`$host` has no port, so it differs from the origin."""
    assert code_of(request_.send(start_service())) == "cross_site_request"
    assert is_taken(request_.send(start_service(allowed_hosts="gpu-box")))


@pytest.mark.parametrize(
    "request_", recorded("own-", via="nginx $http_host", host="gpu-box"), ids=str
)
def test_a_proxy_that_passes_host_and_port_needs_nothing(
    service: Service, request_: Recorded
) -> None:
    assert is_taken(request_.send(service))


FORWARDED = recorded("own-", via="nginx X-Forwarded-Host", origin="http://gpu-box")


@pytest.mark.parametrize("request_", FORWARDED, ids=str)
def test_the_forwarded_host_counts_from_a_trusted_proxy_alone(
    start_service: StartService, request_: Recorded
) -> None:
    service = start_service(trusted_proxies="10.0.0.0/24, 192.0.2.1, 2001:db8::/32")
    for peer in (PROXY, "192.0.2.1", "::ffff:10.0.0.2", "2001:db8::7"):
        assert is_taken(request_.send(service, peer))
    for peer in ("10.0.1.2", "127.0.0.1", "::1", "", "unix"):
        assert code_of(request_.send(service, peer)) == "cross_site_request"


@pytest.mark.parametrize(
    ("forwarded", "counts"),
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
    start_service: StartService, forwarded: str, counts: bool
) -> None:
    service = start_service(trusted_proxies=PROXY)
    answer = post_csv(
        service, peer=PROXY, Host="upstream", Origin=f"https://{PUBLIC}", X_Forwarded_Host=forwarded
    )
    assert is_taken(answer) is counts


def test_the_forwarded_host_does_not_open_the_host_rule(start_service: StartService) -> None:
    service = start_service(trusted_proxies=PROXY)
    assert (
        code_of(post_csv(service, peer=PROXY, Host=PUBLIC, X_Forwarded_Host="localhost"))
        == "host_not_allowed"
    )


def test_an_allowed_name_may_be_the_origin_of_a_page_on_any_port(
    start_service: StartService,
) -> None:
    service = start_service(allowed_hosts=f"ledger.lan, {PUBLIC.upper()}.")
    for origin in (f"https://{PUBLIC}", f"http://{PUBLIC}:8080", "http://ledger.lan"):
        assert is_taken(post_csv(service, Host="upstream", Origin=origin))
    assert (
        code_of(post_csv(service, Host="upstream", Origin=f"https://www.{PUBLIC}"))
        == "cross_site_request"
    )


def test_a_star_allows_any_host_and_no_foreign_page(start_service: StartService) -> None:
    service = start_service(allowed_hosts="*")
    assert is_taken(post_csv(service, Host="evil.example"))
    assert (
        code_of(post_csv(service, Host="evil.example", Origin="http://other.example"))
        == "cross_site_request"
    )
    assert code_of(post_csv(service, Host="*")) == "invalid_host"


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
