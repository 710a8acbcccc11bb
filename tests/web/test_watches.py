"""`/watches`: created, shown, changed and deleted without a script."""

from typing import Any

import pytest

from tests.service import Service, offers
from tests.web.browsing import ACCEPT, Browser

HTML = {"Accept": ACCEPT}
ROWS = ("L4,100,0.5,EU,Acme,2025-07-28", "T4,50,0.5,EU,Acme,2025-07-28")


def _created(service: Service, **fields: str) -> Any:
    """The page of a watch created with the form."""
    page = Browser(service).get("/watches", 200)
    form = next(form for form in page.forms.values() if "when" in form.fields)
    for name, value in ({"name": "cheap"} | fields).items():
        form[name] = value
    return form.submit(headers=HTML, status=303).follow(headers=HTML)


def test_the_form_makes_a_watch_and_its_page_shows_what_it_found(service: Service) -> None:
    page = _created(service, when="price_below", value="200", model="l4")
    assert "Nothing was found yet" in page.text
    service.import_csv(offers(*ROWS))
    (watch,) = service.http.get("/api/watches").json
    assert watch["filters"] == {"model": ["l4"]}
    (row,) = Browser(service).rows(f"/watches/{watch['watch_id']}")
    assert (row[0], row[2], row[5]) == ("L4", "Acme", "$100")
    (row,) = Browser(service).rows("/watches")
    assert row[:3] == ["cheap", "Model: l4", "costs less than $200"]


def test_a_value_that_no_offer_has_is_named(service: Service) -> None:
    service.import_csv(offers(*ROWS))
    assert "no model is 'L44'; nearest: L4" in _created(service, model="L44").html.get_text()
    assert "nearest" not in _created(service, model="l4").text


def test_a_value_that_the_condition_does_not_need_is_ignored(service: Service) -> None:
    _created(service, when="new", value="5")
    (watch,) = service.http.get("/api/watches").json
    assert (watch["condition"], watch["value"], watch["filters"]) == ("new", None, {})


@pytest.mark.parametrize(
    ("field", "given", "status", "words"),
    [
        ("value", "", 422, "This condition needs a price or a percentage"),
        ("value", "many", 400, "value=many"),
        ("value", "101", 422, "must be at most 100 percent"),
        ("max_price", "1", 400, "min_price"),
        ("name", "", 422, "name"),
        ("when", "soon", 400, "when=soon: must be"),
    ],
)
def test_a_mistake_is_named_and_the_form_stays_filled_in(
    service: Service, field: str, given: str, status: int, words: str
) -> None:
    fields = {"name": "x", "when": "drop_pct", "value": "5", "model": "L4", "min_price": "2"}
    sent = fields | {field: given}
    answer = service.http.post("/watches", sent, HTML, status=status)
    assert words in answer.html.select(".wrong[role=alert]")[0].get_text()
    assert service.http.get("/api/watches").json == []
    form = next(form for form in answer.forms.values() if "when" in form.fields)
    kept = sent | ({"when": "new"} if field == "when" else {})
    assert {name: form[name].value for name in sent} == kept
    for name, value in (fields | {"max_price": ""}).items():
        form[name] = value
    form.submit(headers=HTML, status=303)
    assert service.http.get("/api/watches").json[0]["name"] == "x"


def test_the_filters_of_an_address_are_in_the_form(service: Service) -> None:
    page = Browser(service).page("/watches?model=L4&max_price=100")
    assert page.find(id="f-model")["value"] == "L4"
    assert float(page.find(id="f-max_price")["value"]) == 100


def test_several_values_of_a_filter_are_all_in_the_form(service: Service) -> None:
    page = Browser(service).get("/watches?model=L4&model=T4", 200)
    form = next(form for form in page.forms.values() if "when" in form.fields)
    form["value"] = "many"
    form["name"] = "two"
    answer = form.submit(headers=HTML, status=400)
    form = next(form for form in answer.forms.values() if "when" in form.fields)
    assert [field.value for field in form.fields["model"]] == ["L4", "T4"]
    form["value"] = ""
    form.submit(headers=HTML, status=303)
    assert service.http.get("/api/watches").json[0]["filters"] == {"model": ["L4", "T4"]}


def test_a_feed_is_found_by_its_reader_and_can_get_another_address(service: Service) -> None:
    page = _created(service)
    old = page.html.find("link", type="application/atom+xml")["href"]
    service.http.get(old, status=200)
    form = next(form for form in page.forms.values() if form.action.endswith("/feed"))
    again = form.submit(headers=HTML, status=303).follow(headers=HTML)
    service.http.get(old, status=404)
    service.http.get(again.html.find("link", type="application/atom+xml")["href"], status=200)


def test_a_watch_is_deleted(service: Service) -> None:
    page = _created(service)
    form = next(form for form in page.forms.values() if form.action.endswith("/delete"))
    form.submit(headers=HTML, status=303)
    assert "There are no watches yet" in Browser(service).page("/watches").get_text()
