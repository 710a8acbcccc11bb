"""A model, price changes, two imports compared, and the status."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from glyphd.times import utc_text
from tests.service import Service, offers
from tests.web.browsing import Browser

DAYS = ("2025-07-01,2400,4000", "2025-07-02,2160,4004", "2025-07-03,2160,8000")


@pytest.fixture
def moved(service: Service) -> list[str]:
    """Three imports: the first offer has one price change, by 10 %, the second has two, by 0.1 %
    and by 99.8 %."""
    found = []
    for day, first, second in (text.split(",") for text in DAYS):
        csv = offers(f"L4,{first},0.7,EU,Acme,{day}", f"L4,{second},0.5,USA,Zebra,{day}")
        found.append(service.import_csv(csv, "?source=daily")["import_id"])
    return found


def test_a_model_has_its_prices_over_time(service: Service, moved: list[str]) -> None:
    page = Browser(service).page("/models/l4")
    assert page.h1.get_text() == "L4"
    rows = [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in page.tbody("tr")]
    assert [row[:6] for row in rows] == [
        ["2025-07-03", "2", "$2,160", "$3,620", "$5,080", "$6,540"],
        ["2025-07-02", "2", "$2,160", "$2,621", "$3,082", "$3,543"],
        ["2025-07-01", "2", "$2,400", "$2,800", "$3,200", "$3,600"],
    ]
    assert len(page.svg.find_all("circle", class_="median")) == 3
    assert len(page.svg.find_all("polygon", class_="band")) == 2
    assert "lowest price of all was $2,160" in page.figcaption.get_text()
    assert "Half of the offers of 2025-07-03 cost from $3,620 to $6,540" in page.get_text()


def test_a_model_can_be_seen_by_week(service: Service, moved: list[str]) -> None:
    page = Browser(service).page("/models/L4?bucket=week")
    assert page.tbody.th.get_text() == "2025-06-30"
    assert page.find("polyline") is None


def test_a_model_lists_its_cheapest_offers_first(service: Service, moved: list[str]) -> None:
    table = Browser(service).page("/models/L4").find(id="offers").find_next("table")
    assert [row.th.get_text(strip=True) for row in table.tbody("tr")] == ["$2,160", "$8,000"]


def test_a_model_says_what_moved_lately(service: Service, moved: list[str]) -> None:
    table = Browser(service).page("/models/L4").find(id="lately").find_next("table")
    now = (row.find(attrs={"data-label": "Now"}) for row in table.tbody("tr"))
    assert {cell.get_text(strip=True) for cell in now} == {
        "$2,160", "$4,004", "$8,000",
    }  # fmt: skip
    moment = service.status(moved[-1])["imported_at"]
    assert Browser(service).page(f"/models/L4?as_of={moment}").find(id="lately") is None


def test_the_words_of_a_chart_are_within_the_picture(service: Service) -> None:
    for day, price in enumerate((1_000_000, 12_345_678), start=1):
        service.import_csv(offers(f"L4,{price},0.7,EU,Acme,2025-07-0{day}"))
    svg = Browser(service).page("/models/L4").find("svg", class_="chart")
    for text in svg.find_all("text", class_="n"):
        assert float(text["x"]) > 12 * len(text.get_text())


def test_a_moment_to_come_is_refused(service: Service, moved: list[str]) -> None:
    for path in ("/", "/listings", "/compare", "/models/L4"):
        page: Any = Browser(service).get(f"{path}?as_of=2999-01-01", 400).html
        assert page.find(class_="banner") is None  # it would say what was known then


def test_what_was_not_there_at_a_moment_leads_to_now(service: Service, moved: list[str]) -> None:
    page: Any = Browser(service).get("/models/L4?as_of=2020-01-01", 404).html
    assert page.find("a", string="This page as it is now")["href"] == "/models/L4"


def test_a_model_of_a_moment(service: Service, moved: list[str]) -> None:
    moment = service.status(moved[0])["imported_at"]
    page = Browser(service).page(f"/models/L4?as_of={moment}")
    assert [row.th.get_text() for row in page.tbody("tr")] == ["2025-07-01"]


def test_a_model_whose_name_needs_quoting_is_linked_and_found(service: Service) -> None:
    service.import_csv(offers('"H100 SXM/80GB #1?",100,0.5,EU,Acme,2025-07-01'))
    browser = Browser(service)
    link = browser.page("/").tbody.a["href"]
    assert browser.page(link).h1.get_text() == "H100 SXM/80GB #1?"


def test_an_unknown_model_names_the_nearest(browser: Browser) -> None:
    page = browser.get("/models/RTX_A600", 404).html
    assert page is not None
    assert page.find("a", string="RTX_A6000") is not None


def test_moves_come_latest_first(service: Service, moved: list[str]) -> None:
    rows = Browser(service).rows("/changes")
    seen = [row[8] for row in rows]
    assert seen == sorted(seen, reverse=True)
    assert {row[6] for row in rows} == {"+99.8 %", "+0.1 %", "−10.0 %"}


def test_moves_come_largest_first(service: Service, moved: list[str]) -> None:
    assert [row[6] for row in Browser(service).rows("/changes?sort=size")] == [
        "+99.8 %",
        "−10.0 %",
        "+0.1 %",
    ]


def test_small_moves_can_be_left_out(service: Service, moved: list[str]) -> None:
    rows = Browser(service).rows("/changes?min_price_change_pct=5&region=EU")
    assert [(row[3], row[4]) for row in rows] == [("$2,400", "$2,160")]


def test_moves_say_that_they_are_of_the_present(browser: Browser) -> None:
    assert (
        "this page shows the present"
        in browser.page("/changes?as_of=2026-01-01").find(class_="banner").get_text()
    )


def test_two_imports_are_offered_for_comparison_and_compared(
    service: Service, moved: list[str]
) -> None:
    form = Browser(service).get("/compare").forms[1]
    assert (form["a"].value, form["b"].value) == (moved[1], moved[2])
    answer: Any = form.submit(headers={"Accept": "text/html"})
    counts = {
        item.dt.get_text(): item.dd.get_text(strip=True)
        for item in answer.html.select(".strip > div")
    }
    assert counts == {"Added": "0", "Removed": "0", "Changed": "1", "Unchanged": "1"}
    assert "$8,000" in answer.html.tbody.get_text()


def test_what_only_one_import_has_is_listed(service: Service, moved: list[str]) -> None:
    other = service.import_csv(offers("A40,1,0.1,EU,Yak,2025-07-04"), "?source=daily")["import_id"]
    rows = Browser(service).rows(f"/compare?a={moved[2]}&b={other}&kind=added")
    assert [row[0] for row in rows] == ["A40"]
    assert len(Browser(service).rows(f"/compare?a={moved[2]}&b={other}&kind=removed")) == 2


def test_a_dry_run_can_not_be_compared(service: Service, moved: list[str]) -> None:
    dry = service.import_csv(offers("A40,1,0.1,EU,Yak,2025-07-04"), "?dry_run=true")["import_id"]
    assert "was a dry run" in Browser(service).get(f"/compare?a={moved[0]}&b={dry}", 409).text


def test_the_status_names_what_is_wrong(service: Service) -> None:
    browser = Browser(service)
    rows = {row[0]: row[1:] for row in browser.rows("/status")}
    assert rows["worker"][0] == "failed"
    assert "not ready" in browser.page("/status").h1.get_text()
    service.greet()
    assert {row[1] for row in browser.rows("/status")} == {"ok"}
    assert "process 1 on here" in browser.page("/status").get_text()


def test_the_status_names_silent_sources(service: Service) -> None:
    for days in (40, 30, 20, 10):
        sent = service.import_csv(offers("L4,1,1,,,2025-07-01"), "?source=Nightly")
        moment = utc_text(datetime.now(UTC) - timedelta(days=days))
        service.alter(sent["import_id"], finished_at=moment)
    browser = Browser(service)
    assert browser.page("/status").find(id="silent") is None
    service.alter(sent["import_id"], finished_at=utc_text(datetime.now(UTC) - timedelta(days=21)))
    section = browser.page("/status").find(id="silent").parent
    assert section.a.get_text() == "nightly"
    assert browser.get(section.a["href"]).status_int == 200


def test_the_status_lists_unfinished_work(service: Service) -> None:
    import_id = service.upload(offers("L4,1,0.5,EU,Acme,2025-07-01"), "?filename=waits.csv").json[
        "import_id"
    ]
    text = Browser(service).page("/status").get_text()
    assert import_id[:8] in text
    assert "waits.csv" in text


def test_two_moments_are_compared(service: Service, moved: list[str]) -> None:
    first = service.http.get(f"/api/imports/{moved[0]}").json["imported_at"]
    page = Browser(service).page(f"/compare?from={first}")
    counts = {
        item.dt.get_text(): item.dd.get_text(strip=True) for item in page.select(".strip > div")
    }
    asked = service.http.get(f"/api/diff?from={first}").json
    assert counts == {
        name: str(asked[name.lower()])
        for name in ("Added", "Removed", "Changed", "Gone", "Unchanged")
    }
    rows = Browser(service).rows(f"/compare?from={first}&kind=changed")
    assert len(rows) == asked["changed"] > 0
    page = Browser(service).get(f"/compare?a={moved[0]}&b={moved[1]}&kind=gone", 400)
    assert "only between two moments" in page.text
