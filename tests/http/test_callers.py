"""An import, a rollback or a restore records who requested it."""

from typing import Any

import pytest

from glyphd.api.callers import MAX_AGENT_CHARACTERS
from glyphd.db.registry_models import Job
from tests.http.wsgi import ask
from tests.service import Service, offers

CSV = offers("RTX_A6000,4500,0.9,USA,Acme,2025-07-29T12:00:00Z")
ROW = {"model": "L4", "price_usd": 2400, "score": 0.7}
ADDRESS = "2001:db8::7"


def _callers(service: Service) -> list[tuple[str, str | None, str | None]]:
    return [(job.kind, job.client, job.user_agent) for job in service.services.registry.all_jobs()]


def _from(service: Service, agent: str) -> dict[str, Any]:
    service.http.extra_environ = {"REMOTE_ADDR": ADDRESS}
    return {"headers": {"User-Agent": agent}}


def test_every_kind_of_job_names_its_caller(service: Service) -> None:
    http, failing = service.http, offers("L4,x,1,USA,Acme,")
    import_id = http.post(
        "/api/import", upload_files=[("file", "a.csv", CSV.encode())], **_from(service, "a")
    ).json
    http.post_json("/api/persist/listings", [ROW], **_from(service, "b"))
    failed = service.upload(failing, User_Agent="c").json["import_id"]
    service.work()
    http.post(f"/api/imports/{failed}/retry?on_error=skip", **_from(service, "d"))
    http.post(f"/api/imports/{import_id['import_id']}/rollback", **_from(service, "e"))
    service.work()
    http.post(f"/api/imports/{import_id['import_id']}/restore", **_from(service, "f"))
    kinds = ["import", "import", "import", "import", "rollback", "restore"]
    assert _callers(service) == [
        (kind, ADDRESS, agent) for kind, agent in zip(kinds, "abcdef", strict=True)
    ]


def test_the_status_shows_who_sent_it(service: Service) -> None:
    service.http.extra_environ = {"REMOTE_ADDR": ADDRESS}
    status = service.import_csv(CSV, User_Agent="curl/8.9")
    assert (status["client"], status["user_agent"]) == (ADDRESS, "curl/8.9")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("", None),
        (" \t ", None),
        ("a\x00b\x1b[31mc\x7f", "ab[31mc"),
        ("\xc2\x85\xc3\xa4", "ä"),
        ("\xff", "ÿ"),
        ("x" * 5000, "x" * MAX_AGENT_CHARACTERS),
    ],
)
def test_what_a_client_says_of_itself_is_cleaned(
    service: Service, sent: str, kept: str | None
) -> None:
    answer = ask(
        service,
        "/api/import",
        "POST",
        {"Content-Type": "text/csv", "User-Agent": sent},
        CSV.encode(),
    )
    assert answer.json["user_agent"] == kept


def test_a_client_can_not_choose_its_address(service: Service) -> None:
    headers = {
        "X-Forwarded-For": "192.0.2.1",
        "Forwarded": "for=192.0.2.1",
        "X-Real-Ip": "192.0.2.1",
    }
    service.http.extra_environ = {"REMOTE_ADDR": ADDRESS}
    assert (
        service.post("/api/import", CSV, {"Content-Type": "text/csv", **headers}).json["client"]
        == ADDRESS
    )


def test_a_server_that_does_not_say_leaves_it_open(service: Service) -> None:
    answer = ask(service, "/api/import", "POST", {"Content-Type": "text/csv"}, CSV.encode())
    assert (answer.json["client"], answer.json["user_agent"]) == (None, None)


def test_a_retry_has_its_own_caller(service: Service) -> None:
    checked = service.import_csv(CSV, "?dry_run=true", User_Agent="first")["import_id"]
    service.http.post(f"/api/imports/{checked}/retry", headers={"User-Agent": "second"})
    assert [job.user_agent for job in _jobs(service)] == ["first", "second"]


def _jobs(service: Service) -> list[Job]:
    return service.services.registry.all_jobs()
