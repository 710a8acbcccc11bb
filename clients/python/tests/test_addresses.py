"""How the library speaks to an address: tokens, prefixes, proxies, redirects, and answers that are
busy or not glyphd's."""

import json

import pytest

from clients.python.tests.stubs import Scripted, Stub
from glyphd_client import (
    Client,
    InvalidUse,
    NotAllowed,
    Refused,
    TryLater,
)

ACCEPTED = Scripted(202, {"import_id": "one", "status": "queued"})
DONE = {"status": "succeeded"}
ROW = b"model,price_usd,score\nL4,2400,0.9\n"


def test_the_token_is_sent_and_never_shown(stub: Stub) -> None:
    stub.answer(Scripted(401, {"code": "invalid_token", "detail": "unknown token", "status": 401}))
    with pytest.raises(NotAllowed) as caught:
        Client(stub.address, "secret-1\n").status("x")
    assert stub.received[0].headers["Authorization"] == "Bearer secret-1"
    assert "secret" not in repr(caught.value)


@pytest.mark.parametrize("token", ["a\r\nX-Evil: 1", "a b\n c", "schlüssel"])
def test_a_token_that_is_no_header_is_refused(token: str) -> None:
    with pytest.raises(InvalidUse):
        Client(token=token)


@pytest.mark.parametrize(
    "url",
    ["", "localhost:8080", "ftp://a", "http://", "http://u:p@host", "http://a:b", "http://a?x"],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidUse):
        Client(url)


def test_a_prefix_in_the_address_precedes_every_path(stub: Stub) -> None:
    stub.answer(Scripted(200, {"import_id": "one", "status": "queued"}))
    Client(f"{stub.address}/gpus/").status("one")
    assert stub.received[0].target == "/gpus/api/imports/one"


def test_a_redirect_is_not_followed_with_the_token(stub: Stub) -> None:
    stub.answer(Scripted(301, headers={"Location": "https://elsewhere.example/"}))
    with pytest.raises(InvalidUse, match="elsewhere"):
        Client(stub.address, "secret").status("x")
    assert len(stub.received) == 1


def test_a_proxy_of_the_environment_is_used_unless_excepted(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.answer(Scripted(200, {"import_id": "one", "status": "queued"}))
    monkeypatch.setenv("http_proxy", stub.address.replace("://", "://user:word@"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    Client("http://glyphd.example").status("one")
    Client(stub.address).status("one")
    through, directly = stub.received
    assert through.target == "http://glyphd.example/api/imports/one"
    assert through.headers["proxy-authorization"].startswith("Basic ")
    assert directly.target == "/api/imports/one"


def test_busy_answers_are_tried_again_after_the_time_that_they_ask(stub: Stub) -> None:
    busy = Scripted(503, {"code": "too_many_imports", "detail": "full"}, {"Retry-After": "1"})
    stub.answer(busy, Scripted(429, {"code": "slow"}), Scripted(0), Scripted(502), ACCEPTED)
    pauses: list[tuple[str, float]] = []
    client = Client(stub.address, on_retry=lambda why, pause: pauses.append((why, pause)))
    assert client.push(ROW, gzip=False).import_id == "one"
    assert [request.body for request in stub.received] == [ROW] * 5
    assert pauses[0][1] == 1.0
    assert "full" in pauses[0][0]


def test_what_stays_busy_ends_as_try_later(stub: Stub) -> None:
    stub.answer(Scripted(503, {"code": "storage_full", "detail": "x"}, {"Retry-After": "900"}))
    with pytest.raises(TryLater) as caught:
        Client(stub.address).push(ROW, gzip=False)
    assert (caught.value.code, caught.value.retry_after) == ("storage_full", 900.0)
    assert len(stub.received) == 1, "a pause that is longer than what is left makes no sense"


def test_a_bug_of_the_service_is_not_asked_for_again(stub: Stub) -> None:
    stub.answer(Scripted(500, {"code": "internal_error", "detail": "a bug"}))
    with pytest.raises(TryLater) as caught:
        Client(stub.address).push(ROW, gzip=False)
    assert (caught.value.code, caught.value.status, len(stub.received)) == (
        "internal_error",
        500,
        1,
    )


@pytest.mark.parametrize("body", [b"<html>Hello</html>", b"{}", b"[]"])
def test_an_address_of_something_else_is_wrong_use(stub: Stub, body: bytes) -> None:
    stub.answer(Scripted(200, body))
    with pytest.raises(InvalidUse, match="is the address right"):
        Client(stub.address).status("x")


def test_an_answer_that_is_no_problem_document_is_still_a_refusal(stub: Stub) -> None:
    stub.answer(Scripted(400, b"<html>Bad Request</html>"))
    with pytest.raises(Refused) as caught:
        Client(stub.address).status("x")
    assert (caught.value.code, caught.value.status) == ("http_400", 400)


def test_members_that_are_newer_than_the_client_are_in_raw(stub: Stub) -> None:
    stub.answer(Scripted(200, {"import_id": "one", "status": "queued", "mood": "good"}))
    assert Client(stub.address).status("one").raw["mood"] == "good"
    assert json.dumps(dict(Client(stub.address).status("one").raw))
