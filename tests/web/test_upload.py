"""Files sent with the page's form, without JavaScript: imported, checked, refused, one or several
at once."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from webtest import Upload

from tests.http.forms import Part, form
from tests.service import Service, StartService, offers
from tests.web.browsing import ACCEPT, Browser

HTML = {"Accept": ACCEPT}
GOOD = offers("L4,2400,0.7,EU,Acme,2025-07-01").encode()
OTHER_NAMES = b"Card,Current Retail Price,Rating\nL4,2400,0.7\n"


def _send(service: Service, *parts: Part, status: int | None = None) -> Any:
    sent = form(*parts)
    return service.post("/upload", sent.body, {"Content-Type": sent.content_type, **HTML}, status)


def _file(data: bytes = GOOD, name: str = "offers.csv") -> Part:
    return Part("file", data, name, "text/csv")


def _imports(service: Service, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = service.http.get(f"/api/imports{query}").json
    return found


def test_a_file_is_sent_by_the_form_and_leads_to_its_import(live_service: Service) -> None:
    page = Browser(live_service).get("/upload")
    page.form["file"] = [Upload("offers.csv", GOOD)]
    page.form["source"] = "daily"
    page.form["on_error"] = "skip"
    answer: Any = page.form.submit(headers=HTML)
    assert answer.status_int == 303
    shown = answer.follow(headers=HTML).html
    assert "1 row imported." in shown.find(class_="standing").get_text()
    (status,) = _imports(live_service)
    sent = {
        name: status[name] for name in ("filename", "source", "on_error", "dry_run", "size_bytes")
    }
    assert sent == {
        "filename": "offers.csv", "source": "daily", "on_error": "skip", "dry_run": False,
        "size_bytes": len(GOOD),
    }  # fmt: skip


def test_the_invitation_of_an_empty_archive_sends_to_the_same_place(service: Service) -> None:
    page = Browser(service).get("/")
    invitation = next(form for form in page.forms.values() if form.method.lower() == "post")
    invitation["file"] = [Upload("offers.csv", GOOD)]
    answer: Any = invitation.submit(headers=HTML)
    assert answer.headers["Location"].endswith(f"/imports/{_imports(service)[0]['import_id']}")


def test_a_packed_file_is_taken(live_service: Service) -> None:
    answer = _send(live_service, _file(gzip.compress(GOOD), "offers.csv.gz"), status=303)
    assert "1 row imported" in answer.follow(headers=HTML).text
    assert _imports(live_service)[0]["content_encoding"] == "gzip"


def test_several_files_become_several_imports(service: Service) -> None:
    names = ["a.csv", "b.csv", "c.csv.gz"]
    files = [GOOD, GOOD + b"A40,1,1,,,\n", gzip.compress(GOOD + b"A2,1,1,,,\n")]
    answer = _send(service, Part("source", b"daily"), *map(_file, files, names), status=303)
    assert "/imports?received_after=" in answer.headers["Location"]
    service.work()
    assert [row.th.a.get_text() for row in answer.follow(headers=HTML).html.tbody("tr")] == names[
        ::-1
    ]
    assert [(one["filename"], one["record_count"], one["source"]) for one in _imports(service)] == [
        ("c.csv.gz", 2, "daily"), ("b.csv", 2, "daily"), ("a.csv", 1, "daily"),
    ]  # fmt: skip
    for one, data in zip(_imports(service), files[::-1], strict=True):
        assert service.http.get(one["links"]["file"]).body == data


def test_one_file_that_is_refused_stops_no_other(service: Service) -> None:
    page = _send(service, _file(b"%PDF-1.7", "offers.pdf"), _file(), status=422).html
    assert "offers.pdf: The file can't be imported" in page.find(class_="wrong").get_text()
    (status,) = _imports(service)
    assert page.find("a", href=f"/imports/{status['import_id']}") is not None
    assert not [name for name in service.kept() if not name.startswith(status["import_id"])]


def test_without_a_file_the_form_asks_for_one(service: Service) -> None:
    page = _send(service, Part("source", b"daily"), Part("file", b"", ""), status=422).html
    assert "No file was chosen." in page.find(class_="wrong").get_text()
    assert page.find("input", attrs={"name": "source"})["value"] == "daily"
    assert not _imports(service)


def test_a_file_without_a_required_column_is_mapped_and_sent_again(live_service: Service) -> None:
    refused = _send(live_service, Part("source", b"shop"), _file(OTHER_NAMES), status=422)
    again = refused.forms["upload"]
    selects = again.fields["map"]
    assert [select.options[0][0] for select in selects] == ["", "", ""]
    by_target = {select.options[1][0].partition(":")[0]: select for select in selects}
    by_target["model"].value = "model:Card"
    by_target["price_usd"].value = "price_usd:Current Retail Price"
    by_target["score"].value = "score:Rating"
    again["file"] = [Upload("offers.csv", OTHER_NAMES)]
    answer: Any = again.submit(headers=HTML)
    assert "1 row imported" in answer.follow(headers=HTML).text
    (row,) = live_service.listings()
    assert (row["model"], row["price_usd"], row["score"]) == ("L4", 2400, 0.7)
    assert _imports(live_service)[0]["source"] == "shop"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("encoding", "klingon", "not an encoding"),
        ("skip_lines", "many", "skip_lines=many"),
        ("nope", "1", "nope"),
    ],
)
def test_a_wrong_option_is_named_in_the_form(
    service: Service, name: str, value: str, told: str
) -> None:
    page = _send(
        service, Part(name, value.encode()), Part("source", b"daily"), _file(), status=400
    ).html
    assert told in page.find(class_="wrong").get_text()
    assert page.find("input", attrs={"name": "source"})["value"] == "daily"
    assert not _imports(service)
    assert not service.kept()


def test_the_form_begins_with_what_its_address_says(service: Service) -> None:
    page = Browser(service).page(
        "/upload?source=daily&decimal=comma&map=price_usd:Retail%20Price&map=:Notes"
    )
    assert page.find("input", attrs={"name": "source"})["value"] == "daily"
    assert (
        page.find("select", attrs={"name": "decimal"}).find("option", selected=True)["value"]
        == "comma"
    )
    kept = {
        box["value"]: box.parent.get_text(strip=True)
        for box in page.find_all("input", attrs={"name": "map"})
    }
    assert kept == {
        "price_usd:Retail Price": "Price is “Retail Price”",
        ":Notes": "“Notes” is left out",
    }


def test_known_sources_are_offered(service: Service) -> None:
    service.upload(GOOD, "?source=weekly")
    assert Browser(service).page("/upload").find(id="sources").option["value"] == "weekly"


def test_a_full_line_of_imports_refuses_the_form(start_service: StartService) -> None:
    service = start_service(max_imports_waiting=1)
    _send(service, _file(), status=303)
    answer = _send(service, _file(), status=503)
    assert "1 unfinished import, which is the limit" in answer.html.get_text()
    assert answer.headers["Retry-After"] == "5"
    assert len(_imports(service)) == 1


def test_of_several_files_those_beyond_the_line_are_refused(start_service: StartService) -> None:
    service = start_service(max_imports_waiting=1)
    page = _send(service, _file(name="a.csv"), _file(name="b.csv"), status=503).html
    assert "b.csv" in page.find(class_="wrong").get_text()
    assert [one["filename"] for one in _imports(service)] == ["a.csv"]


def test_a_body_over_the_limit_is_refused(start_service: StartService) -> None:
    service = start_service(max_upload_bytes=1000)
    answer = _send(service, _file(GOOD + b"#" * 2000), status=413)
    assert "an upload may have at most 1000 bytes" in answer.html.get_text().lower()


def test_what_is_no_form_is_refused_as_a_page(service: Service) -> None:
    answer = service.post("/upload", GOOD, {"Content-Type": "text/csv", **HTML}, 415)
    assert answer.content_type == "text/html"


def test_another_site_can_not_send_files(service: Service) -> None:
    sent = form(_file())
    headers = {"Content-Type": sent.content_type, "Origin": "https://evil.example", **HTML}
    service.post("/upload", sent.body, headers, 403)
    assert not _imports(service)


def test_programs_are_sent_to_the_api(service: Service) -> None:
    sent = form(_file())
    answer = service.post("/upload", sent.body, {"Content-Type": sent.content_type}, 404)
    assert answer.content_type == "application/problem+json"
    assert not _imports(service)


def test_a_large_form_keeps_each_file_byte_for_byte(service: Service, tmp_path: Path) -> None:
    large = GOOD + b"A40,1,1,,,\n" * 60_000
    _send(service, _file(large, "large.csv"), _file(GOOD, "small.csv"), status=303)
    small, kept = _imports(service)
    assert service.http.get(kept["links"]["file"]).body == large
    assert service.http.get(small["links"]["file"]).body == GOOD
