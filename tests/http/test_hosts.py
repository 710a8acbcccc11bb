"""The `Host` header in all spellings, and the names that a machine has."""

import socket
from collections.abc import Iterator
from threading import Event

import pytest

from glyphd.api import own_names
from tests.http.wsgi import ask
from tests.service import Service, StartService

SERVED = [
    "localhost",
    "LOCALHOST:8080",
    "localhost.",
    "localhost:",
    "app.localhost:8080",
    "a.b.localhost",
    "api:8080",
    "my_api:8080",
    "gpu-box.",
    "127.0.0.1:8080",
    "127.0.0.1.",
    "192.168.178.20",
    "10.1.2.3:65535",
    "127.1:8080",
    "2130706433",
    "[::1]",
    "[::1]:8080",
    "[2001:DB8::7]:80",
    "[fe80::1%eth0]:8080",
    "[fe80::1%25eth0]:8080",
    "[::ffff:127.0.0.1]:8080",
]
FOREIGN = [
    "evil.example",
    "evil.example:8080",
    "EVIL.EXAMPLE.",
    "localhost.evil.example",
    "evil-localhost.example",
    "127.0.0.1.evil.example",
    "127.0.0.1.nip.io",
    "1.2.3.4.5",
    "localhost.localdomain",
    "xn--bcher-kva.example",
]
NO_HOST = [
    "",
    ".",
    "..",
    ".localhost",
    "localhost..",
    "a..b",
    ":8080",
    "localhost:http",
    "localhost:-1",
    "localhost:65536",
    "localhost:99999999999999999999",
    "localhost:８０",
    "localhost:80:80",
    "user@localhost",
    "user:secret@localhost:8080",
    "localhost, evil.example",
    "localhost,localhost",
    "evil.example, localhost",
    "localhost evil.example",
    "localhost\tx",
    "localhost/",
    "localhost#x",
    "http://localhost",
    "*",
    "b\xfccher.example",
    "%6cocalhost",
    "::1",
    "[::1",
    "[::1]x",
    "[localhost]",
    "[127.0.0.1]",
    "[v1.x]",
    "[]",
    "x" * 64,
    "x." * 127 + "xx",
]


@pytest.fixture
def own_resolver() -> Iterator[None]:
    """Clears the cached names of this machine before and after the test."""
    own_names.own_names.cache_clear()
    yield
    own_names.own_names.cache_clear()


@pytest.mark.parametrize("host", SERVED)
def test_addresses_and_names_that_can_not_be_rebound_are_served(
    shared_service: Service, host: str
) -> None:
    assert ask(shared_service, "/api/listings", headers={"Host": host}).status == 200


@pytest.mark.parametrize("host", FOREIGN)
def test_a_dotted_name_is_not_served_unless_allowed(start_service: StartService, host: str) -> None:
    answer = ask(start_service(), "/api/listings", headers={"Host": host})
    assert (answer.status, answer.json["code"]) == (421, "host_not_allowed")
    name = answer.json["host"]
    assert (
        ask(
            start_service(allowed_hosts=f" {name} ,"), "/api/listings", headers={"Host": host}
        ).status
        == 200
    )
    assert (
        ask(
            start_service(allowed_hosts=f"x.{name}"), "/api/listings", headers={"Host": host}
        ).status
        == 421
    )


@pytest.mark.parametrize("host", NO_HOST)
def test_what_is_not_one_host_is_refused(start_service: StartService, host: str) -> None:
    for service in (start_service(), start_service(allowed_hosts="*")):
        answer = ask(service, "/api/listings", headers={"Host": host})
        assert (answer.status, answer.json["code"]) == (400, "invalid_host")


def test_an_old_client_need_not_name_a_host(shared_service: Service) -> None:
    environ = {"HTTP_HOST": "", "SERVER_PROTOCOL": "HTTP/1.0"}
    assert shared_service.http.get("/api/listings", extra_environ=environ).status_code == 200


@pytest.mark.usefixtures("own_resolver")
def test_the_full_name_of_this_machine_is_served(
    start_service: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getfqdn", lambda name: "GPU-1.corp.example.")
    assert (
        ask(start_service(), "/api/listings", headers={"Host": "gpu-1.corp.example:8080"}).status
        == 200
    )


@pytest.mark.usefixtures("own_resolver")
def test_a_resolver_that_does_not_answer_holds_nothing_up(
    start_service: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = Event()
    monkeypatch.setattr(own_names, "_RESOLVER_SECONDS", 0.01)
    monkeypatch.setattr(socket, "getfqdn", lambda name: str(never.wait(60)))
    assert ask(start_service(), "/api/listings").status == 200
    never.set()
