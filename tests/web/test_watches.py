"""`/watches`: created, shown, changed and deleted without a script."""

from typing import Any

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


def test_a_value_that_the_condition_does_not_need_is_ignored(service: Service) -> None:
    _created(service, when="new", value="5")
    (watch,) = service.http.get("/api/watches").json
    assert (watch["condition"], watch["value"], watch["filters"]) == ("new", None, {})


def test_a_missing_value_is_named_on_a_page(service: Service) -> None:
    answer = service.http.post("/watches", {"name": "x", "when": "drop_pct"}, HTML, status=422)
    assert "drop_pct needs a value" in answer.text
    assert service.http.get("/api/watches").json == []


def test_the_filters_of_an_address_are_in_the_form(service: Service) -> None:
    page = Browser(service).page("/watches?model=L4&max_price=100")
    assert page.find(id="f-model")["value"] == "L4"
    assert float(page.find(id="f-max_price")["value"]) == 100


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
