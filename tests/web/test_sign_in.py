"""Signing in with a token: where it leads, the cookie, and when it ends."""

from typing import Any

import pytest
from webtest import TestResponse

from glyphd.api.failed_tokens import MOST_FAILURES
from glyphd.db.token_models import Session
from glyphd.token_text import new_token
from tests.service import Service, StartService, offers
from tests.tokens import LONG_AGO, bearer, new_key, revoke_key
from tests.web.browsing import ACCEPT

CSV = offers("L4,2400,0.7,USA,Acme,2025-07-29T12:00:00Z")


def _get(service: Service, path: str, **headers: str) -> TestResponse:
    return service.http.get(path, headers={"Accept": ACCEPT, **headers}, expect_errors=True)


def _post(service: Service, path: str, fields: dict[str, str], **environ: str) -> TestResponse:
    options: dict[str, Any] = {"extra_environ": environ} if environ else {}
    headers = {"Accept": ACCEPT, "Sec-Fetch-Site": "same-origin"}
    return service.http.post(path, fields, headers=headers, expect_errors=True, **options)


def _sign_in(service: Service, token: str, back: str = "/") -> TestResponse:
    """Signs in; webtest keeps the cookie."""
    return _post(service, "/login", {"token": token, "next": back})


def _text(answer: TestResponse) -> str:
    return " ".join(answer.html.get_text(" ").split())


def _locked(service: Service) -> Service:
    """Adds an import, and a token, which the service then requires."""
    service.import_csv(CSV, "?source=weekly")
    new_key(service, "first")
    return service


def test_an_open_service_says_how_to_close_it(service: Service) -> None:
    answer = _get(service, "/login")
    assert "needs no token" in _text(answer)
    assert not answer.html.find("input", id="token")
    assert "Sign in" not in _text(_get(service, "/"))


@pytest.mark.parametrize(
    "path", ["/", "/listings?region=USA&sort=price_usd", "/status", "/nowhere", "/imports?by=a%26b"]
)
def test_a_page_leads_to_the_sign_in_and_back(service: Service, path: str) -> None:
    token = new_key(_locked(service), "reader", "read")
    led = _get(service, path)
    assert led.status_code == 303
    form = _get(service, led.headers["Location"]).forms[0]
    form["token"] = token
    back = form.submit(headers={"Accept": ACCEPT})
    assert (back.status_code, back.headers["Location"]) == (303, path)
    assert _get(service, path).status_code == (404 if path == "/nowhere" else 200)


def test_the_cookie_is_opaque_and_no_script_reads_it(service: Service) -> None:
    token = new_key(service, "reader", "read")
    cookie = _sign_in(service, token).headers["Set-Cookie"]
    name, _, rest = cookie.partition("=")
    value, *attributes = rest.split("; ")
    assert name == "glyphd_session"
    assert set(attributes) == {"HttpOnly", "SameSite=lax", "Path=/", "Max-Age=2592000"}
    assert len(value) >= 40
    assert token not in cookie
    database = service.services.registry.database
    with database.connection_context():
        (row,) = database.execute(Session.select()).fetchall()
    assert value not in str(row)


def test_behind_https_the_cookie_stays_there(start_service: StartService) -> None:
    service = start_service(trusted_proxies="10.0.0.2")
    fields = {"token": new_key(service, "reader", "read")}
    https = {"HTTP_X_FORWARDED_PROTO": "https"}
    trusted = _post(service, "/login", fields, REMOTE_ADDR="10.0.0.2", **https)
    assert "; Secure" in trusted.headers["Set-Cookie"]
    other = _post(service, "/login", fields, REMOTE_ADDR="10.0.0.3", **https)
    assert "Secure" not in other.headers["Set-Cookie"]


@pytest.mark.parametrize(
    "back",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "evil",
        "/a\r\nX: y",
        "/\t/e",
        "",
    ],
)
def test_it_leads_to_no_other_site(service: Service, back: str) -> None:
    answer = _sign_in(service, new_key(service, "reader", "read"), back)
    assert answer.headers["Location"] == "/"


@pytest.mark.parametrize("kind", ["unknown", "mistyped", "expired", "revoked", "nothing"])
def test_a_wrong_token_is_named_on_the_form(service: Service, kind: str) -> None:
    token = new_key(service, "reader", "read", expires_at=LONG_AGO if kind == "expired" else None)
    if kind == "revoked":
        revoke_key(service, "reader")
    sent = {"unknown": new_token(), "mistyped": token[:-2], "nothing": ""}.get(kind, token)
    answer = _sign_in(service, sent, "/status")
    assert answer.status_code == 401
    assert answer.html.find(role="alert")
    assert [one["value"] for one in answer.html.select("input[name=next]")] == ["/status"]
    assert not sent or sent not in answer.text
    assert "Set-Cookie" not in answer.headers


def test_trying_too_often_is_429(service: Service) -> None:
    new_key(service, "reader", "read")
    found = [_sign_in(service, new_token()).status_code for _ in range(MOST_FAILURES + 1)]
    assert found == [401] * MOST_FAILURES + [429]


def test_who_is_signed_in_is_on_every_page(service: Service) -> None:
    _sign_in(_locked(service), new_key(service, "ann", "read"))
    for path in ("/", "/listings", "/imports", "/status", "/nowhere"):
        assert "Signed in as ann Sign out" in _text(_get(service, path))


def test_another_person_does_not_see_the_page_of_the_first(service: Service) -> None:
    ann, bob = new_key(_locked(service), "ann", "read"), new_key(service, "bob", "read")
    _sign_in(service, ann)
    etag = _get(service, "/").headers["ETag"]
    _sign_in(service, bob)
    answer = _get(service, "/", **{"If-None-Match": etag})
    assert (answer.status_code, "Signed in as bob" in _text(answer)) == (200, True)


def test_signing_out_ends_the_session_everywhere(service: Service) -> None:
    _sign_in(service, new_key(service, "ann", "read"))
    kept = service.http.cookies["glyphd_session"]
    assert _get(service, "/status").status_code == 200
    forms = _get(service, "/status").forms.values()
    button = next(form for form in forms if form.action == "/logout")
    out = button.submit(headers={"Accept": ACCEPT})
    assert (out.status_code, out.headers["Location"]) == (303, "/login")
    service.http.set_cookie("glyphd_session", kept)
    assert _get(service, "/status").headers["Location"] == "/login?next=%2Fstatus"


def test_a_session_outlives_a_restart_but_not_its_token(
    service: Service, start_service: StartService
) -> None:
    _sign_in(service, new_key(service, "ann", "read"))
    other = start_service()
    other.http.set_cookie("glyphd_session", service.http.cookies["glyphd_session"])
    assert _get(other, "/status").status_code == 200
    revoke_key(other, "ann")
    assert _get(other, "/status").status_code == 303


def test_a_session_in_another_process_is_known_at_once(
    service: Service, start_service: StartService
) -> None:
    token = new_key(service, "ann", "read")
    other = start_service()
    _get(other, "/status")
    _sign_in(service, token)
    other.http.set_cookie("glyphd_session", service.http.cookies["glyphd_session"])
    assert _get(other, "/status").status_code == 200


def test_a_session_ends_in_time(service: Service) -> None:
    _sign_in(service, new_key(service, "ann", "read"))
    database = service.services.registry.database
    with database.connection_context():
        database.execute(Session.update(expires_at=LONG_AGO))
    service.services.tokens.forget()
    assert _get(service, "/status").status_code == 303


def test_the_api_takes_the_session_too(service: Service) -> None:
    _sign_in(service, new_key(_locked(service), "ann", "write"))
    (listed,) = service.http.get("/api/imports").json
    assert service.http.get(listed["links"]["file"]).text == CSV
    answer = service.http.post("/api/import", CSV, content_type="text/csv")
    assert answer.json["created_by"] == "ann"


def test_a_session_that_ended_counts_as_none(start_service: StartService) -> None:
    service = _locked(start_service(anonymous="read"))
    service.http.set_cookie("glyphd_session", "gone")
    answer = _get(service, "/")
    assert answer.status_code == 200
    assert answer.html.find("a", href="/login")


def test_what_a_reader_can_not_do_is_not_offered(service: Service) -> None:
    _sign_in(_locked(service), new_key(service, "ann", "read"))
    import_id = service.http.get("/api/imports").json[0]["import_id"]
    page = _get(service, f"/imports/{import_id}")
    assert "Roll back" not in _text(page)
    assert not page.html.select("form[action*=retry]")
    assert "Upload" not in _text(_get(service, "/imports"))
    assert "does not allow this" in _text(_get(service, "/upload"))
    _sign_in(service, new_key(service, "bob", "write"))
    assert "Roll back" in _text(_get(service, f"/imports/{import_id}"))
    assert "Upload" in _text(_get(service, "/imports"))


def test_a_reader_of_an_empty_archive_gets_no_form(service: Service) -> None:
    _sign_in(service, new_key(service, "ann", "read"))
    assert not _get(service, "/").html.find("input", type="file")


def test_a_token_for_one_source_sees_its_imports_alone(service: Service) -> None:
    _sign_in(_locked(service), new_key(service, "feed", "write", source="daily"))
    assert _get(service, "/imports").html.find("tbody") is None
    links = [link.get_text() for link in _get(service, "/imports").html.select("header nav a")]
    assert links == ["Imports", "Upload"]
    assert [option["value"] for option in _get(service, "/upload").html.select("option")][:1] == [
        "daily"
    ]
    sent = service.http.post(
        "/upload",
        upload_files=[("file", "a.csv", CSV.encode())],
        headers={"Accept": ACCEPT},
    )
    service.work()
    page = _get(service, sent.headers["Location"])
    assert (page.status_code, "daily" in _text(page)) == (200, True)
    allowed = ("/imports", "/upload", "/api/imports", "/static", "/logout", "#", "/login")
    paths = [str(link["href"]) for link in page.html.select("main a")]
    assert [path for path in paths if not path.startswith(allowed)] == []


def test_a_token_in_the_header_works_for_pages_too(service: Service) -> None:
    token = new_key(service, "ann", "read")
    answer = _get(service, "/status", **bearer(token))
    assert answer.status_code == 200
    assert "Sign out" not in _text(answer)


@pytest.mark.parametrize("path", ["/listings", "/docs", "/upload"])
def test_commands_take_a_token_from_the_environment(service: Service, path: str) -> None:
    service.import_csv(CSV)
    assert "$TOKEN" not in _text(_get(service, path))
    token = new_key(service, "admin", "admin")
    _sign_in(service, token)
    shown = _get(service, path)
    commands = [code.get_text() for code in shown.html.select("pre code")]
    curls = [command for command in commands if command.startswith("curl ")]
    assert curls
    assert all(command.startswith('curl -H "Authorization: Bearer $TOKEN" ') for command in curls)
    assert token not in shown.text
