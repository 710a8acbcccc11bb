"""What a person does to an import: cancel it, roll it back with a reason, restore it."""

from typing import Any

import pytest

from tests.service import Service, offers
from tests.web.browsing import ACCEPT, Browser

HTML = {"Accept": ACCEPT}
DAYS = ("L4,2400,0.7,EU,Acme,2025-07-01", "L4,2160,0.7,EU,Acme,2025-07-02")


@pytest.fixture
def second(service: Service) -> str:
    """The second of two imports of one source: a price changed, and an offer is new."""
    service.import_csv(offers(DAYS[0]), "?source=daily")
    import_id: str = service.import_csv(
        offers(DAYS[1], "A40,9,1,EU,Yak,2025-07-02"), "?source=daily"
    )["import_id"]
    return import_id


def _change(service: Service, import_id: str, kind: str, reason: str = "") -> None:
    page = Browser(service).get(f"/imports/{import_id}/{kind}")
    form = page.forms[0] if "reason" in page.forms[0].fields else page.forms[1]
    form["reason"] = reason
    form.submit(headers=HTML, status=303)
    service.work()


def test_a_rollback_says_first_what_will_change(service: Service, second: str) -> None:
    link = Browser(service).page(f"/imports/{second}").find("a", string="Roll back …")["href"]
    page = Browser(service).page(link)
    effect = {item.dt.get_text(): item.dd.get_text() for item in page.select(".strip > div")}
    assert effect == {"Offers removed": "1", "Show another price or score": "1"}
    assert not service.changes()


def test_an_import_is_rolled_back_with_a_reason_and_restored(service: Service, second: str) -> None:
    _change(service, second, "rollback", "a wrong column")
    assert [row["price_usd"] for row in service.listings()] == [2400]
    page = Browser(service).page(f"/imports/{second}")
    assert "can be restored" in page.find(class_="standing").get_text()
    (told,) = page.find(id="changes").parent.find_all("li")
    assert told.get_text().endswith(": a wrong column")
    assert page.find("a", string="Restore …")["href"] == f"/imports/{second}/restore"
    _change(service, second, "restore")
    assert {row["price_usd"] for row in service.listings()} == {2160, 9}
    changes = Browser(service).page(f"/imports/{second}").find(id="changes").parent.find_all("li")
    assert [one.get_text().split()[0] for one in changes] == ["Restored", "Rolled"]


def test_the_button_pressed_twice_rolls_back_once(service: Service, second: str) -> None:
    _change(service, second, "rollback")
    service.http.post(f"/imports/{second}/rollback", {"reason": ""}, headers=HTML, status=303)
    assert len(service.changes()) == 1
    Browser(service).get(f"/imports/{second}/rollback", 303)


def test_a_change_under_way_is_shown_as_such(service: Service, second: str) -> None:
    service.http.post(f"/imports/{second}/rollback", {}, headers=HTML, status=303)
    page = Browser(service).page(f"/imports/{second}")
    assert "being rolled back" in page.get_text()
    assert page.find("a", string="Roll back …") is None


@pytest.mark.parametrize("kind", ["rollback", "restore"])
def test_what_brought_no_rows_can_not_be_changed(service: Service, kind: str) -> None:
    import_id = service.import_csv(offers(DAYS[0]), "?dry_run=true")["import_id"]
    assert "it has no rows" in Browser(service).get(f"/imports/{import_id}/{kind}", 409).text


def test_a_waiting_import_is_cancelled(service: Service) -> None:
    import_id = service.upload(offers(DAYS[0])).json["import_id"]
    page: Any = Browser(service).get(f"/imports/{import_id}")
    (cancel,) = [form for form in page.forms.values() if form.action.endswith("/cancel")]
    shown = cancel.submit(headers=HTML).follow(headers=HTML).html
    assert shown.find(class_="status").get_text() == "cancelled"
    service.work()
    assert not service.listings()


def test_cancelling_what_has_ended_shows_it_as_it_is(service: Service, second: str) -> None:
    service.http.post(f"/imports/{second}/cancel", {}, headers=HTML, status=303)
    assert service.status(second)["status"] == "succeeded"


@pytest.mark.parametrize("action", ["rollback", "cancel", "retry", "restore"])
def test_another_site_can_change_nothing(service: Service, second: str, action: str) -> None:
    headers = {"Origin": "https://evil.example", **HTML}
    service.http.post(f"/imports/{second}/{action}", {}, headers=headers, status=403)
    assert not service.changes()


@pytest.mark.parametrize("action", ["rollback", "cancel", "retry", "restore"])
def test_an_unknown_import_is_not_found(service: Service, action: str) -> None:
    service.http.post(f"/imports/nope/{action}", {}, headers=HTML, status=404)
