"""Check first: a file is read without being imported, its columns are mapped, and then it is
imported as it was sent."""

from typing import Any

import pytest
from webtest import TestResponse, Upload

from tests.service import Service, offers
from tests.web.browsing import ACCEPT, Browser

HTML = {"Accept": ACCEPT}
CSV = (
    "model,price_usd,score,Shop,_line,Notes,listing_id\n"
    "L4,2400,0.7,Acme,1,cheap,x\n"
    "A40,4400,0.8,Zebra,2,,y\n"
)
BROKEN = offers("L4,2400,0.7,EU,Acme,2025-07-01", "A40,cheap,0.7,EU,Acme,2025-07-01")


def _checked(service: Service, csv: str = CSV, **fields: str) -> TestResponse:
    """The page of a check, reached by the upload form's first button."""
    upload = Browser(service).get("/upload").forms["upload"]
    upload["file"] = [Upload("offers.csv", csv.encode())]
    for name, value in fields.items():
        upload[name] = value
    answer: Any = upload.submit("dry_run", value="true", headers=HTML)
    service.work()
    page: TestResponse = answer.follow(headers=HTML)
    return page


def _run(service: Service, page: Any, is_check: bool = False, status: int = 303) -> Any:
    """Presses one of the buttons of the review."""
    pairs = [pair for pair in page.forms["run"].submit_fields() if pair[0] != "dry_run"]
    pairs.append(("dry_run", "true" if is_check else "false"))
    answer = service.http.post(page.forms["run"].action, pairs, headers=HTML, status=status)
    service.work()
    return answer


def _columns(page: Any) -> dict[str, list[str]]:
    rows = page.html.find(id="run").tbody("tr")
    return {
        row.th.get_text(): [cell.get_text(strip=True) for cell in row.find_all("td")[:2]]
        for row in rows
    }


def test_a_check_shows_what_would_become_of_the_file(service: Service) -> None:
    service.import_csv(CSV, "?source=daily")
    page: Any = _checked(
        service, CSV.replace("2400", "2500") + "H100,9,1,Yak,3,,\n", source="daily"
    )
    assert (
        "3 rows can be imported. Nothing was written."
        in page.html.find(class_="standing").get_text()
    )
    effect = {
        item.dt.get_text(): item.dd.get_text()
        for item in page.html.find(id="effect").parent.select(".strip > div")
    }
    assert (
        effect == {"New offers": "3", "At another price or score": "0", "Unchanged": "0"}
        or effect["New offers"] == "1"
    )
    assert _columns(page) == {
        "model": ["L4", "Model"],
        "price_usd": ["2500", "Price"],
        "score": ["0.7", "Score"],
        "Shop": ["Acme", "stored with the row, under its own name"],
        "_line": ["1", "left out: its name begins with _"],
        "Notes": ["cheap", "stored with the row, under its own name"],
        "listing_id": ["x", "left out: glyphd sets this column itself"],
    }
    assert len(service.listings("?history=true")) == 2


def test_what_was_checked_is_imported_without_being_sent_again(service: Service) -> None:
    page = _checked(service, source="daily")
    answer = _run(service, page)
    check, made = service.http.get("/api/imports").json[::-1]
    assert answer.headers["Location"].endswith(made["import_id"])
    assert (made["status"], made["dry_run"], made["record_count"], made["source"]) == (
        "succeeded",
        False,
        2,
        "daily",
    )
    assert made["upload_id"] == check["import_id"]
    assert len([name for name in service.kept() if name.endswith(".csv")]) == 1


def test_the_button_pressed_twice_imports_once(service: Service) -> None:
    page = _checked(service)
    assert _run(service, page).headers["Location"] == _run(service, page).headers["Location"]
    assert len(service.http.get("/api/imports").json) == 2


def test_columns_are_mapped_otherwise_and_left_out(service: Service) -> None:
    page: Any = _checked(service)
    run = page.forms["run"]
    run["column-3"], run["column-5"] = "seller", "-"
    again: Any = _run(service, page, is_check=True).follow(headers=HTML)
    assert _columns(again)["Shop"] == ["Acme", "Seller"]
    assert _columns(again)["Notes"] == ["cheap", "left out"]
    assert again.forms["run"]["column-3"].value == "seller"
    _run(service, again)
    rows = service.listings("?fields=seller,extra")
    assert sorted((row["seller"], row["extra"]) for row in rows) == [
        ("Acme", None),
        ("Zebra", None),
    ]


def test_a_column_whose_name_begins_with_an_underscore_can_be_chosen(service: Service) -> None:
    page: Any = _checked(service)
    page.forms["run"]["column-4"] = "title"
    again: Any = _run(service, page, is_check=True).follow(headers=HTML)
    assert _columns(again)["_line"] == ["1", "Title"]
    assert again.forms["run"]["column-4"].value == "title"


def test_a_choice_can_be_taken_back(service: Service) -> None:
    page: Any = _checked(service)
    page.forms["run"]["column-3"] = "seller"
    again: Any = _run(service, page, is_check=True).follow(headers=HTML)
    again.forms["run"]["column-3"] = ""
    last: Any = _run(service, again, is_check=True).follow(headers=HTML)
    assert _columns(last)["Shop"] == ["Acme", "stored with the row, under its own name"]


@pytest.mark.parametrize(
    ("field", "choice", "status", "told"),
    [
        ("column-1", "-", 422, "missing column price_usd"),
        ("column-5", "seller", 303, ""),
        ("column-2", "price_usd", 422, "missing column score"),
        ("encoding", "klingon", 400, "not an encoding"),
    ],
)
def test_a_choice_that_can_not_be_carried_out_is_told_in_the_form(
    service: Service, field: str, choice: str, status: int, told: str
) -> None:
    page: Any = _checked(service)
    page.forms["run"][field] = choice
    answer = _run(service, page, status=status)
    if told:
        failure = answer.html.find(id="review").parent.find(role="alert").get_text()
        assert told in failure.lower() or told in failure
        assert answer.forms["run"][field].value == choice


def test_two_columns_can_not_become_one(service: Service) -> None:
    page: Any = _checked(service)
    page.forms["run"]["column-3"] = page.forms["run"]["column-5"] = "seller"
    answer = _run(service, page, status=400)
    assert "must name each column once" in answer.html.find(role="alert").get_text()


def test_the_address_of_a_refused_form_leads_back_to_the_import(service: Service) -> None:
    page: Any = _checked(service)
    page.forms["run"]["column-1"] = "-"
    refused = _run(service, page, status=422)
    assert refused.html.find(attrs={"data-live": "review"}) is None
    answer = Browser(service).get(page.forms["run"].action, 303)
    assert answer.headers["Location"].endswith(page.forms["run"].action.removesuffix("/retry"))


def test_an_emptied_field_is_back_to_its_default_and_others_stay(service: Service) -> None:
    page: Any = _checked(service, source="daily", description="first", on_error="skip")
    page.forms["run"]["source"] = ""
    _run(service, page)
    made = service.http.get("/api/imports").json[0]
    assert (made["source"], made["description"], made["on_error"]) == (None, "first", "skip")


def test_a_failed_check_groups_its_errors_and_leaves_the_bad_rows_out(service: Service) -> None:
    page: Any = _checked(service, BROKEN)
    assert "errors that would make an import fail" in page.html.find(class_="standing").get_text()
    skipping = page.html.find(id="why").parent.find("form")
    fields = {field["name"]: field["value"] for field in skipping.find_all("input")}
    service.http.post(skipping["action"], fields, headers=HTML, status=303)
    service.work()
    assert [row["model"] for row in service.listings()] == ["L4"]
    made = service.http.get("/api/imports").json[0]
    assert (made["on_error"], made["dry_run"], made["error_count"]) == ("skip", False, 1)


def test_a_failed_import_is_run_again_with_another_column(service: Service) -> None:
    csv = "model,price_usd,score,Price seen\nL4,call us,0.7,2400\n"
    failed = service.import_csv(csv)["import_id"]
    page: Any = Browser(service).get(f"/imports/{failed}")
    page.forms["run"]["column-3"] = "price_usd"
    _run(service, page)
    assert [row["price_usd"] for row in service.listings()] == [2400]
    assert service.http.get("/api/imports").json[0]["replaces"] == failed


def test_rows_sent_as_json_have_no_columns_but_can_be_run_again(service: Service) -> None:
    service.post(
        "/api/persist/listings",
        '[{"model":"L4","price":1,"score":1}]',
        {"Content-Type": "application/json"},
    )
    import_id = service.http.get("/api/imports").json[0]["import_id"]
    service.http.post(f"/api/imports/{import_id}/cancel", status=200)
    page: Any = Browser(service).get(f"/imports/{import_id}")
    assert page.html.find(id="run").table is None
    _run(service, page)
    assert len(service.listings()) == 1


def test_a_finished_import_can_not_be_run_again(service: Service) -> None:
    import_id = service.import_csv(CSV)["import_id"]
    assert Browser(service).page(f"/imports/{import_id}").find(id="run") is None
    answer = service.http.post(f"/imports/{import_id}/retry", {}, headers=HTML, status=409)
    assert "only a failed or cancelled one" in answer.html.get_text()


def test_choices_beyond_the_table_are_sent_along(service: Service) -> None:
    names = ",".join(f"c{number}" for number in range(60))
    csv = f"model,price_usd,score,{names}\nL4,1,1,{','.join(['x'] * 60)}\n"
    import_id = service.import_csv(csv, "?dry_run=true&map=seller:c58&map=:c59")["import_id"]
    page: Any = Browser(service).get(f"/imports/{import_id}")
    assert len(page.body) < 100_000
    _run(service, page)
    (row,) = service.listings("?fields=seller,extra")
    assert row["seller"] == "x"
    assert sorted(row["extra"]) == sorted(f"c{number}" for number in range(58))
