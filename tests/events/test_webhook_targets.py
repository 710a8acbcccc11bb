"""Which URLs a webhook may have, and which addresses are public."""

from ipaddress import ip_address

import pytest

from glyphd.events.webhook_targets import (
    ForbiddenAddress,
    InvalidTarget,
    is_public,
    is_surely_private,
    read_target,
    require_allowed,
)


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"]
)
def test_ordinary_addresses_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "64:ff9b:1::a00:1",
        "2002:7f00:1::",
        "2001:0:a00:1::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "fc00::1",
        "fd12:3456::1",
        "ff02::1",
        "2001:db8::1",
    ],
)
def test_special_addresses_are_not(address: str) -> None:
    assert not is_public(ip_address(address))


def test_one_forbidden_address_of_a_name_forbids_it() -> None:
    require_allowed(["8.8.8.8", "8.8.4.4"], is_public)
    with pytest.raises(ForbiddenAddress):
        require_allowed(["8.8.8.8", "127.0.0.1"], is_public)


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "authority"),
    [
        ("https://example.com", "example.com", 443, "/", "example.com"),
        ("http://Example.com/a?b=c", "example.com", 80, "/a?b=c", "example.com"),
        ("https://example.com:8443?x", "example.com", 8443, "/?x", "example.com:8443"),
        ("http://[2606:4700::1111]:81/", "2606:4700::1111", 81, "/", "[2606:4700::1111]:81"),
    ],
)
def test_a_url_is_taken_apart(url: str, host: str, port: int, path: str, authority: str) -> None:
    target = read_target(url)
    assert (target.host, target.port, target.path) == (host, port, path)
    assert target.authority == authority


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "ftp://example.com",
        "file:///etc/passwd",
        "https://",
        "https://user:secret@example.com",
        "https://example.com#part",
        "https://example.com/a b",
        "https://example.com/\r\nX: y",
        "https://example.com\\@10.0.0.1",
        "https://müller.example",
        "https://example.com:0",
        "https://example.com:99999",
        "https://[::1",
        "https://example.com/" + "x" * 2000,
    ],
)
def test_other_urls_are_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(InvalidTarget) as refused:
        read_target(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("http://localhost/", True),
        ("http://a.localhost./", True),
        ("http://127.0.0.1/", True),
        ("http://[::ffff:10.0.0.1]/", True),
        ("http://8.8.8.8/", False),
        ("http://example.com/", False),
    ],
)
def test_what_can_only_be_private_is_known_without_resolving(url: str, private: bool) -> None:
    assert is_surely_private(read_target(url)) is private
