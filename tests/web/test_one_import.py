"""One import: its progress, its effect, its oddities, and what is wrong with its file."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from glyphd.times import utc_text
from tests.service import Service, offers
from tests.web.browsing import Browser

DAYS = ("L4,2400,0.7,EU,Acme,2025-07-01", "L4,2160,0.7,EU,Acme,2025-07-02")


def _page(service: Service, import_id: str) -> Any:
    return Browser(service).page(f"/imports/{import_id}")


def _standing(page: Any) -> str:
    return " ".join(page.find(class_="standing").get_text(" ").split())


def _running(service: Service, **values: Any) -> str:
    """A running import: it started 20 seconds ago, and its last heartbeat is recent."""
    import_id: str = service.upload(offers(DAYS[0])).json["import_id"]
    now = datetime.now(UTC)
    usual = {
        "status": "running", "attempt": 1, "phase": "reading", "progress": 0.25, "rows_read": 5000,
        "started_at": utc_text(now - timedelta(seconds=20)), "heartbeat_at": utc_text(now),
    }  # fmt: skip
    service.alter(import_id, **usual | values)
    return import_id


def test_a_running_import_has_a_bar_a_speed_and_the_time_left(service: Service) -> None:
    page = _page(service, _running(service))
    assert _standing(page) == "running Reading and checking the file."
    assert float(page.find("progress", attrs={"aria-label": "Imported"})["value"]) == 25
    text = " ".join(page.find(attrs={"data-live": "progress"}).get_text(" ").split())
    assert "25 %, about 1 min 0 s left" in text
    assert "250 per second" in text


def test_a_stalled_import_says_so_and_has_no_speed(service: Service) -> None:
    long_ago = utc_text(datetime.now(UTC) - timedelta(minutes=5))
    page = _page(service, _running(service, heartbeat_at=long_ago))
    assert _standing(page).startswith("stalled No heartbeat since")
    assert "per second" not in page.get_text()
    assert "left" not in page.find(class_="bars").get_text()


def test_an_import_that_began_again_has_no_speed(service: Service) -> None:
    page = _page(service, _running(service, attempt=2))
    assert "attempt 2" in page.get_text()
    assert "per second" not in page.get_text()


@pytest.mark.parametrize(
    ("has_worker", "values", "words"),
    [
        (False, {}, "queued No worker is running."),
        (True, {}, "queued Next in the queue."),
        (
            True,
            {"reason": "the disk is full"},
            "queued Waiting for another attempt: the disk is full.",
        ),
    ],
)
def test_a_waiting_import_says_what_it_waits_for(
    service: Service, has_worker: bool, values: dict[str, str], words: str
) -> None:
    import_id = service.upload(offers(DAYS[0])).json["import_id"]
    service.alter(import_id, **{"reason": None, **values})
    if has_worker:
        service.greet()
    assert _standing(_page(service, import_id)).startswith(words)


def test_an_import_behind_others_says_how_many(service: Service) -> None:
    service.greet()
    service.upload(offers(DAYS[0]))
    import_id = service.upload(offers(DAYS[1])).json["import_id"]
    assert _standing(_page(service, import_id)) == "queued In the queue, 1 ahead of it."


def test_an_import_says_what_it_did_and_leads_to_it(service: Service) -> None:
    first = service.import_csv(offers(DAYS[0]), "?source=daily")["import_id"]
    other = service.import_csv(offers("A2,9,1,EU,Yak,2025-07-02"), "?source=weekly")["import_id"]
    second = service.import_csv(offers(DAYS[1], "A40,9,1,EU,Yak,2025-07-02"), "?source=Daily")[
        "import_id"
    ]
    page = _page(service, second)
    assert _standing(page) == "succeeded 2 rows imported."
    effect = {
        item.dt.get_text(): item.dd.get_text()
        for item in page.find(id="effect").parent.select(".strip > div")
    }
    assert effect == {"New offers": "1", "At another price or score": "1", "Unchanged": "0"}
    links = [link["href"] for link in page.find(id="effect").parent.find_all("a")]
    assert links == [
        f"/changes?import_id={second}", f"/listings?import_id={second}",
        f"/compare?a={first}&b={second}",
    ]  # fmt: skip
    assert "compare" not in _page(service, other).get_text()


def test_warnings_are_told_with_what_helps(service: Service) -> None:
    csv = "model,price_usd,score,Sellr\nL4,2400,0.7,Acme\n"
    import_id = service.import_csv(csv)["import_id"]
    told = _page(service, import_id).find(id="warnings").parent.get_text()
    assert "1 unknown column looks like a known one: Sellr (seller)" in told
    assert "Hint: rename the column" in told


def test_the_same_bytes_again_are_told_once_with_what_that_means(service: Service) -> None:
    csv = offers("L4,2400,0.7,EU,Acme,2025-07-01")
    first, second = (service.import_csv(csv)["import_id"] for _ in range(2))
    (told,) = _page(service, second).find(id="warnings").parent.find_all("li")
    assert " ".join(told.get_text(" ").split()).startswith(
        f"Import {first[:8]} had the same bytes. Hint: rows without a seen_at count as seen now"
    )
    assert told.a["href"] == f"/imports/{first}"
    service.alter(second, same_content_as=None)  # as after the registry was rebuilt
    (told,) = _page(service, second).find(id="warnings").parent.find_all("li")
    assert told.get_text().startswith(f"Import {first} had the same bytes")


def test_a_failed_import_groups_its_errors_and_offers_the_file_to_fix(service: Service) -> None:
    rows = [
        f"L4,{'cheap' if number % 3 else number},0.7,EU,Acme,2025-07-01" for number in range(90)
    ]
    import_id = service.import_csv(offers(*rows))["import_id"]
    page = _page(service, import_id)
    assert _standing(page) == "failed Nothing was imported."
    links = [link["href"] for link in page.find(id="why").parent.find_all("a")]
    assert links == [f"/api/imports/{import_id}/report.csv", "#errors", "/upload"]
    groups, single = page.find(id="errors").parent.find_all("table")
    cells = [cell.get_text() for cell in groups.tbody.tr.find_all(["th", "td"])]
    assert cells == ["Price", "not a number", "60", "3, 4, 6, 7, 9, 10, 12, 13, 15, 16, …"]
    assert len(single.tbody("tr")) == 50
    following = Browser(service).page(page.find("a", rel="next")["href"].partition("#")[0])
    (rest,) = following.find(id="errors").parent.find_all("table")
    assert len(rest.tbody("tr")) == 10
    assert following.find("a", rel="next") is None


def test_who_sent_what_is_shown(service: Service) -> None:
    import_id = service.import_csv(
        offers(DAYS[0]), "?filename=a.csv", User_Agent="robot/1 (night shift)"
    )["import_id"]
    facts = {
        item.dt.get_text(): item.dd.get_text()
        for item in _page(service, import_id).select(".facts > div")
    }
    assert facts["Sent by"].endswith("robot/1 (night shift)")
    assert facts["SHA-256"] == service.status(import_id)["sha256"]


def test_an_import_is_never_shown_as_of_a_moment(service: Service) -> None:
    import_id = service.import_csv(offers(DAYS[0]))["import_id"]
    page = Browser(service).page(f"/imports/{import_id}?as_of=2026-01-01")
    assert "as it is now" in page.find(class_="banner").get_text()


def test_an_unknown_import_is_not_found(browser: Browser) -> None:
    assert "There is no import nope." in browser.get("/imports/nope", 404).text


def test_other_pages_lead_to_the_imports_page(browser: Browser, listing: dict[str, Any]) -> None:
    page = browser.page(f"/listings/{listing['listing_id']}")
    links = [link["href"] for link in page.find(id="history").parent.tbody.find_all("a")]
    assert f"/imports/{listing['import_id']}" in links
