"""Tokens: who needs one, what each allows, and what a refusal says."""

import pytest

from glyphd.api.failed_tokens import MOST_FAILURES, FailedAttempts
from glyphd.token_text import new_token
from tests.service import Service, StartService, problem
from tests.tokens import (
    CSV,
    LISTINGS,
    LONG_AGO,
    bearer,
    change_as,
    code_of,
    get_as,
    new_key,
    revoke_key,
    upload_as,
)


def test_without_any_token_everything_is_open(service: Service) -> None:
    assert service.import_csv(CSV)["created_by"] is None
    assert get_as(service).status_code == 200


def test_the_first_token_closes_a_running_service_for_good(service: Service) -> None:
    assert get_as(service).status_code == 200
    token = new_key(service, "reader", "read")
    assert code_of(get_as(service)) == (401, "unauthorized")
    assert get_as(service, **bearer(token)).status_code == 200
    revoke_key(service, "reader")
    assert code_of(get_as(service)) == (401, "unauthorized")
    assert code_of(get_as(service, **bearer(token))) == (401, "token_revoked")


def test_it_stays_closed_after_a_restart(service: Service, start_service: StartService) -> None:
    new_key(service, "reader", "read")
    revoke_key(service, "reader")
    assert code_of(get_as(start_service())) == (401, "unauthorized")


def test_reading_may_be_left_open(start_service: StartService) -> None:
    service = start_service(anonymous="read")
    token = new_key(service, "writer", "write")
    assert get_as(service).status_code == 200
    nothing = service.http.post("/api/import", expect_errors=True)
    assert code_of(nothing) == (401, "unauthorized")
    assert code_of(get_as(service, **bearer(new_token()))) == (401, "invalid_token")
    assert upload_as(service, token).status_code == 202


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "BEARER  {} ", " Bearer {}"])
def test_the_scheme_may_be_in_any_case(service: Service, form: str) -> None:
    token = new_key(service, "reader", "read")
    assert get_as(service, Authorization=form.format(token)).status_code == 200


@pytest.mark.parametrize("form", ["{}", "Basic {}", "Token {}", "Bearer", "Bearer {},{}", ""])
def test_anything_else_is_no_token(service: Service, form: str) -> None:
    token = new_key(service, "reader", "read")
    answer = get_as(service, Authorization=form.format(token, token))
    assert code_of(answer) == (401, "invalid_token")


@pytest.mark.parametrize("place", ["?token={}", "?access_token={}", "?key={}", "?{}"])
def test_a_token_in_the_query_is_not_taken_and_not_repeated(service: Service, place: str) -> None:
    token = new_key(service, "reader", "read")
    path = LISTINGS + place.format(token)
    assert code_of(get_as(service, path)) == (401, "unauthorized")
    answer = get_as(service, path, **bearer(token))
    assert code_of(answer) == (400, "unknown_parameter")
    assert token not in answer.text


def test_a_mistyped_token_is_told_from_an_unknown_one(service: Service) -> None:
    token = new_key(service, "reader", "read")
    mistyped = token[:-1] + ("0" if token[-1] != "0" else "1")
    for wrong in (mistyped, token[:-1], token + "0", token.upper()):
        assert "mistyped" in problem(get_as(service, **bearer(wrong)))["detail"]
    assert problem(get_as(service, **bearer(new_token())))["detail"] == "no such token"


def test_why_a_token_is_refused_is_said_to_its_holder_alone(service: Service) -> None:
    """A client that knows only the displayed part learns nothing about the token."""
    token = new_key(service, "old", expires_at=LONG_AGO)
    answer = problem(get_as(service, **bearer(token)))
    assert answer["code"] == "token_expired"
    assert LONG_AGO in answer["detail"]
    assert problem(get_as(service, **bearer(new_token())))["code"] == "invalid_token"


def test_a_refusal_says_which_scope_is_needed(service: Service) -> None:
    answer = upload_as(service, new_key(service, "reader", "read"))
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
    assert "checks" in get_as(service, "/api/ready").json
    token = new_key(service, "reader", "read")
    assert get_as(service, "/api/health", **bearer(new_token())).json == {"status": "ok"}
    for headers in ({}, bearer(new_token())):
        assert get_as(service, "/api/ready", **headers).json == {"status": "ready"}
    assert "checks" in get_as(service, "/api/ready", **bearer(token)).json


def test_a_service_that_is_not_ready_says_why_to_readers_alone(service: Service) -> None:
    token = new_key(service, "reader", "read")
    refused = problem(get_as(service, "/api/ready"))
    assert (refused["code"], "checks" in refused) == ("not_ready", False)
    assert "worker" in problem(get_as(service, "/api/ready", **bearer(token)))["checks"]


def test_many_wrong_tokens_are_429_and_a_right_one_is_not(service: Service) -> None:
    token = new_key(service, "reader", "read")
    for _ in range(MOST_FAILURES):
        assert get_as(service, **bearer(new_token())).status_code == 401
    answer = get_as(service, **bearer(new_token()))
    assert code_of(answer) == (429, "too_many_failures")
    assert int(answer.headers["Retry-After"]) > 0
    assert get_as(service, **bearer(token)).status_code == 200
    assert get_as(service, peer="192.0.2.9", **bearer(new_token())).status_code == 401


def test_a_missing_token_is_no_failure(service: Service) -> None:
    new_key(service, "reader", "read")
    for _ in range(MOST_FAILURES + 2):
        assert get_as(service).status_code == 401


def test_behind_a_trusted_proxy_clients_are_told_apart(start_service: StartService) -> None:
    service = start_service(trusted_proxies="10.0.0.0/8")
    token = new_key(service, "reader", "read")

    def ask(client: str) -> int:
        forwarded = f"203.0.113.1, {client}, 10.0.0.3"
        wrong = bearer(new_token())
        return get_as(service, peer="10.0.0.2", X_Forwarded_For=forwarded, **wrong).status_code

    assert {ask("192.0.2.1") for _ in range(MOST_FAILURES)} == {401}
    assert (ask("192.0.2.1"), ask("192.0.2.2")) == (429, 401)
    headers = {"X-Forwarded-For": "192.0.2.1", **bearer(token)}
    assert get_as(service, peer="10.0.0.2", **headers).status_code == 200


def test_an_untrusted_peer_can_not_pretend_to_be_many(service: Service) -> None:
    new_key(service, "reader", "read")
    found = [
        get_as(service, X_Forwarded_For=f"192.0.2.{number}", **bearer(new_token())).status_code
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
    import_id = upload_as(service, writer, User_Agent="curl/8.9").json["import_id"]
    service.work()
    for action, token in (("rollback", boss), ("restore", writer)):
        change_as(service, token, f"/api/imports/{import_id}/{action}?reason=wrong%20file")
        service.work()
    status = get_as(service, f"/api/imports/{import_id}", **bearer(boss)).json
    assert (status["created_by"], status["user_agent"]) == ("writer", "curl/8.9")
    assert [(one["kind"], one["created_by"], one["status"]) for one in status["changes"]] == [
        ("restore", "writer", "succeeded"),
        ("rollback", "boss", "succeeded"),
    ]
    assert {one["reason"] for one in status["changes"]} == {"wrong file"}
    (listed,) = get_as(service, "/api/imports?by=writer", **bearer(boss)).json
    assert listed == status
    assert get_as(service, "/api/imports?by=boss", **bearer(boss)).json == []
    assert service.manifest(import_id)["created_by"] == "writer"


def test_a_token_in_the_user_agent_is_not_kept(service: Service) -> None:
    token = new_key(service, "writer", "write")
    answer = upload_as(service, token, User_Agent=f"tool/1 {token}")
    assert answer.json["user_agent"] == f"tool/1 {token[:16]}…"
    assert token not in answer.text


def test_a_key_belongs_to_the_ledger_not_to_its_token(service: Service) -> None:
    """A script with a new token may repeat a request that it sent with the old one."""
    old, new = new_key(service, "old", "write"), new_key(service, "new", "write")
    first = upload_as(service, old, Idempotency_Key="nightly")
    again = upload_as(service, new, Idempotency_Key="nightly")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (again.json["import_id"], again.json["created_by"]) == (first.json["import_id"], "old")


def test_answers_to_a_token_are_kept_by_no_shared_cache(service: Service) -> None:
    assert "private" not in get_as(service).headers.get("Cache-Control", "")
    token = new_key(service, "reader", "read")
    assert "private" in get_as(service, **bearer(token)).headers["Cache-Control"]


def test_while_the_registry_is_away_what_was_known_last_counts(service: Service) -> None:
    """No token can be revoked while the registry can't be read."""
    token = new_key(service, "reader", "read")
    assert get_as(service, **bearer(token)).status_code == 200
    service.settings.registry_path.rename(service.settings.registry_path.with_suffix(".away"))
    service.services.tokens.forget()
    assert get_as(service, **bearer(token)).status_code == 200
    assert code_of(get_as(service)) == (401, "unauthorized")
