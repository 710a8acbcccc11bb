"""Tokens: who needs one, what each allows, and what a refusal says."""

from typing import Any

import pytest
from webtest import TestResponse

from glyphd.api.failed_tokens import MOST_FAILURES, FailedAttempts
from glyphd.token_text import new_token
from tests.service import Service, StartService, offers, problem
from tests.tokens import LONG_AGO, bearer, new_key, revoke_key

CSV = offers("RTX_A6000,4500,0.9,USA,Acme,2025-07-29T12:00:00Z")
LISTINGS = "/api/listings"


def _get(service: Service, path: str = LISTINGS, peer: str = "", **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    options: dict[str, Any] = {"extra_environ": {"REMOTE_ADDR": peer or "127.0.0.1"}}
    return service.http.get(path, headers=named, expect_errors=True, **options)


def _code(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, problem(answer)["code"] if answer.status_code >= 400 else ""


def _upload(service: Service, token: str, query: str = "", **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {"Content-Type": "text/csv", **bearer(token), **named}
    options: dict[str, Any] = {"expect_errors": True}
    return service.http.post(f"/api/import{query}", CSV, headers=sent, **options)


def _change(service: Service, token: str, path: str) -> TestResponse:
    return service.http.post(path, headers=bearer(token), expect_errors=True)


def test_without_any_token_everything_is_open(service: Service) -> None:
    assert service.import_csv(CSV)["created_by"] is None
    assert _get(service).status_code == 200


def test_the_first_token_closes_a_running_service_for_good(service: Service) -> None:
    assert _get(service).status_code == 200
    token = new_key(service, "reader", "read")
    assert _code(_get(service)) == (401, "unauthorized")
    assert _get(service, **bearer(token)).status_code == 200
    revoke_key(service, "reader")
    assert _code(_get(service)) == (401, "unauthorized")
    assert _code(_get(service, **bearer(token))) == (401, "token_revoked")


def test_it_stays_closed_after_a_restart(service: Service, start_service: StartService) -> None:
    new_key(service, "reader", "read")
    revoke_key(service, "reader")
    assert _code(_get(start_service())) == (401, "unauthorized")


def test_reading_may_be_left_open(start_service: StartService) -> None:
    service = start_service(anonymous="read")
    token = new_key(service, "writer", "write")
    assert _get(service).status_code == 200
    nothing = service.http.post("/api/import", expect_errors=True)
    assert _code(nothing) == (401, "unauthorized")
    assert _code(_get(service, **bearer(new_token()))) == (401, "invalid_token")
    assert _upload(service, token).status_code == 202


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "BEARER  {} ", " Bearer {}"])
def test_the_scheme_may_be_in_any_case(service: Service, form: str) -> None:
    token = new_key(service, "reader", "read")
    assert _get(service, Authorization=form.format(token)).status_code == 200


@pytest.mark.parametrize("form", ["{}", "Basic {}", "Token {}", "Bearer", "Bearer {},{}", ""])
def test_anything_else_is_no_token(service: Service, form: str) -> None:
    token = new_key(service, "reader", "read")
    answer = _get(service, Authorization=form.format(token, token))
    assert _code(answer) == (401, "invalid_token")


@pytest.mark.parametrize("place", ["?token={}", "?access_token={}", "?key={}", "?{}"])
def test_a_token_in_the_query_is_not_taken_and_not_repeated(service: Service, place: str) -> None:
    token = new_key(service, "reader", "read")
    path = LISTINGS + place.format(token)
    assert _code(_get(service, path)) == (401, "unauthorized")
    answer = _get(service, path, **bearer(token))
    assert _code(answer) == (400, "unknown_parameter")
    assert token not in answer.text


def test_a_mistyped_token_is_told_from_an_unknown_one(service: Service) -> None:
    token = new_key(service, "reader", "read")
    mistyped = token[:-1] + ("0" if token[-1] != "0" else "1")
    for wrong in (mistyped, token[:-1], token + "0", token.upper()):
        assert "mistyped" in problem(_get(service, **bearer(wrong)))["detail"]
    assert problem(_get(service, **bearer(new_token())))["detail"] == "no such token"


def test_why_a_token_is_refused_is_said_to_its_holder_alone(service: Service) -> None:
    """Who knows only the part that is shown learns nothing about the token."""
    token = new_key(service, "old", expires_at=LONG_AGO)
    answer = problem(_get(service, **bearer(token)))
    assert answer["code"] == "token_expired"
    assert LONG_AGO in answer["detail"]
    assert problem(_get(service, **bearer(new_token())))["code"] == "invalid_token"


def test_a_refusal_says_which_scope_is_needed(service: Service) -> None:
    answer = _upload(service, new_key(service, "reader", "read"))
    found = problem(answer)
    assert (answer.status_code, found["code"]) == (403, "insufficient_scope")
    assert (found["needed"], found["scope"]) == ("write", "read")
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
    assert service.kept() == []


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_which_paths_there_are_needs_a_token_too(service: Service, method: str) -> None:
    token = new_key(service, "reader", "read")
    for headers, status in (({}, 401), (bearer(token), 404)):
        answer = service.http.request(
            "/api/nowhere", method=method, headers=headers, expect_errors=True
        )
        assert answer.status_code == status


def test_health_needs_nothing_and_ready_says_no_details(service: Service) -> None:
    service.greet()
    assert "checks" in _get(service, "/api/ready").json
    token = new_key(service, "reader", "read")
    assert _get(service, "/api/health", **bearer(new_token())).json == {"status": "ok"}
    for headers in ({}, bearer(new_token())):
        assert _get(service, "/api/ready", **headers).json == {"status": "ready"}
    assert "checks" in _get(service, "/api/ready", **bearer(token)).json


def test_a_service_that_is_not_ready_says_why_to_readers_alone(service: Service) -> None:
    token = new_key(service, "reader", "read")
    refused = problem(_get(service, "/api/ready"))
    assert (refused["code"], "checks" in refused) == ("not_ready", False)
    assert "worker" in problem(_get(service, "/api/ready", **bearer(token)))["checks"]


def test_many_wrong_tokens_are_429_and_a_right_one_is_not(service: Service) -> None:
    token = new_key(service, "reader", "read")
    for _ in range(MOST_FAILURES):
        assert _get(service, **bearer(new_token())).status_code == 401
    answer = _get(service, **bearer(new_token()))
    assert _code(answer) == (429, "too_many_failures")
    assert int(answer.headers["Retry-After"]) > 0
    assert _get(service, **bearer(token)).status_code == 200
    assert _get(service, peer="192.0.2.9", **bearer(new_token())).status_code == 401


def test_a_missing_token_is_no_failure(service: Service) -> None:
    new_key(service, "reader", "read")
    for _ in range(MOST_FAILURES + 2):
        assert _get(service).status_code == 401


def test_behind_a_trusted_proxy_clients_are_told_apart(start_service: StartService) -> None:
    service = start_service(trusted_proxies="10.0.0.0/8")
    token = new_key(service, "reader", "read")

    def ask(client: str) -> int:
        forwarded = f"203.0.113.1, {client}, 10.0.0.3"
        wrong = bearer(new_token())
        return _get(service, peer="10.0.0.2", X_Forwarded_For=forwarded, **wrong).status_code

    assert {ask("192.0.2.1") for _ in range(MOST_FAILURES)} == {401}
    assert (ask("192.0.2.1"), ask("192.0.2.2")) == (429, 401)
    headers = {"X-Forwarded-For": "192.0.2.1", **bearer(token)}
    assert _get(service, peer="10.0.0.2", **headers).status_code == 200


def test_an_untrusted_peer_can_not_pretend_to_be_many(service: Service) -> None:
    new_key(service, "reader", "read")
    found = [
        _get(service, X_Forwarded_For=f"192.0.2.{number}", **bearer(new_token())).status_code
        for number in range(MOST_FAILURES + 1)
    ]
    assert found == [401] * MOST_FAILURES + [429]


def test_failures_are_counted_in_bounded_memory_and_by_network() -> None:
    failures = FailedAttempts()
    for number in range(20_000):
        failures.add(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert [failures.add(f"2001:db8::{number}") for number in (1, 2, 3)] == [1, 2, 3]
    assert failures.add("2001:db8:0:1::1") == 1


def test_who_did_it_is_kept_with_imports_rollbacks_and_restores(service: Service) -> None:
    boss, writer = new_key(service, "boss"), new_key(service, "writer", "write")
    import_id = _upload(service, writer, User_Agent="curl/8.9").json["import_id"]
    service.work()
    for action, token in (("rollback", boss), ("restore", writer)):
        _change(service, token, f"/api/imports/{import_id}/{action}?reason=wrong%20file")
        service.work()
    status = _get(service, f"/api/imports/{import_id}", **bearer(boss)).json
    assert (status["created_by"], status["user_agent"]) == ("writer", "curl/8.9")
    assert [(one["kind"], one["created_by"], one["status"]) for one in status["changes"]] == [
        ("restore", "writer", "succeeded"),
        ("rollback", "boss", "succeeded"),
    ]
    assert {one["reason"] for one in status["changes"]} == {"wrong file"}
    (listed,) = _get(service, "/api/imports?by=writer", **bearer(boss)).json
    assert listed == status
    assert _get(service, "/api/imports?by=boss", **bearer(boss)).json == []
    assert service.manifest(import_id)["created_by"] == "writer"


def test_a_token_in_the_user_agent_is_not_kept(service: Service) -> None:
    token = new_key(service, "writer", "write")
    answer = _upload(service, token, User_Agent=f"tool/1 {token}")
    assert answer.json["user_agent"] == f"tool/1 {token[:16]}…"
    assert token not in answer.text


def test_a_key_belongs_to_the_ledger_not_to_its_token(service: Service) -> None:
    """A script that got a new token may repeat what it sent with the old one."""
    old, new = new_key(service, "old", "write"), new_key(service, "new", "write")
    first = _upload(service, old, Idempotency_Key="nightly")
    again = _upload(service, new, Idempotency_Key="nightly")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (again.json["import_id"], again.json["created_by"]) == (first.json["import_id"], "old")


def test_answers_to_a_token_are_kept_by_no_shared_cache(service: Service) -> None:
    assert "private" not in _get(service).headers.get("Cache-Control", "")
    token = new_key(service, "reader", "read")
    assert "private" in _get(service, **bearer(token)).headers["Cache-Control"]


class TestBoundToASource:
    """A token that can only import as one source."""

    @pytest.fixture
    def feed(self, service: Service) -> str:
        self.foreign = service.import_csv(CSV, "?source=daily")["import_id"]
        return new_key(service, "feed", "write", source="Weekly")

    def test_it_imports_as_that_source_without_saying_so(self, service: Service, feed: str) -> None:
        assert _upload(service, feed).json["source"] == "Weekly"
        form = service.http.post(
            "/api/import", upload_files=[("file", "a.csv", CSV.encode())], headers=bearer(feed)
        )
        rows = [{"model": "L4", "price_usd": 2400, "score": 0.7}]
        persisted = service.http.post_json("/api/persist/listings", rows, headers=bearer(feed))
        assert (form.json["source"], persisted.json["source"]) == ("Weekly", "Weekly")

    def test_it_may_name_it_in_any_case(self, service: Service, feed: str) -> None:
        assert _upload(service, feed, "?source=weekly").json["source"] == "Weekly"

    @pytest.mark.parametrize("source", ["daily", "Weekly2", "w%C3%A9ekly"])
    def test_it_can_not_import_as_another(self, service: Service, feed: str, source: str) -> None:
        before = service.kept()
        assert _code(_upload(service, feed, f"?source={source}")) == (403, "insufficient_scope")
        form = service.http.post(
            "/api/import",
            {"source": "daily"},
            upload_files=[("file", "a.csv", CSV.encode())],
            headers=bearer(feed),
            status=403,
        )
        assert problem(form)["source"] == "Weekly"
        assert service.kept() == before

    def test_it_works_with_its_own_imports_alone(self, service: Service, feed: str) -> None:
        own = _upload(service, feed).json["import_id"]
        service.work()
        for path in ("", "/errors", "/file", "/report.csv"):
            assert _get(service, f"/api/imports/{own}{path}", **bearer(feed)).status_code == 200
            foreign = _get(service, f"/api/imports/{self.foreign}{path}", **bearer(feed))
            assert _code(foreign) == (403, "insufficient_scope")
        for action in ("rollback", "restore", "cancel", "retry"):
            path = f"/api/imports/{self.foreign}/{action}"
            assert _code(_change(service, feed, path)) == (403, "insufficient_scope")
        rolled_back = _change(service, feed, f"/api/imports/{own}/rollback")
        assert rolled_back.status_code in (200, 202)

    def test_a_retry_does_not_lead_to_another_source(self, service: Service, feed: str) -> None:
        own = _upload(service, feed, "?dry_run=true").json["import_id"]
        service.work()
        path = f"/api/imports/{own}/retry"
        assert _code(_change(service, feed, f"{path}?source=daily")) == (403, "insufficient_scope")
        assert _change(service, feed, path).json["source"] == "Weekly"

    def test_its_list_has_its_imports_alone(self, service: Service, feed: str) -> None:
        own = _upload(service, feed).json["import_id"]
        listed = _get(service, "/api/imports", **bearer(feed)).json
        assert [one["import_id"] for one in listed] == [own]
        other = _get(service, "/api/imports?source=daily", **bearer(feed))
        assert _code(other) == (403, "insufficient_scope")

    def test_the_market_is_not_its_business(self, service: Service, feed: str) -> None:
        answer = _get(service, **bearer(feed))
        assert _code(answer) == (403, "insufficient_scope")
        assert "Weekly" in problem(answer)["detail"]


def test_while_the_registry_is_away_what_was_known_last_counts(service: Service) -> None:
    """Nobody can revoke a token in a registry that nobody can read."""
    token = new_key(service, "reader", "read")
    assert _get(service, **bearer(token)).status_code == 200
    service.settings.registry_path.rename(service.settings.registry_path.with_suffix(".away"))
    service.services.tokens.forget()
    assert _get(service, **bearer(token)).status_code == 200
    assert _code(_get(service)) == (401, "unauthorized")
