"""The list of imports: what was sent, its outcome, filters that combine, and pages in both
directions."""

from typing import Any

import pytest

from tests.service import Service, offers
from tests.web.browsing import Browser

GOOD = offers("L4,2400,0.7,EU,Acme,2025-07-01")
BAD = offers("L4,cheap,0.7,EU,Acme,2025-07-01")


def _row(browser: Browser, path: str = "/imports") -> dict[str, str]:
    """The first row, by the names of its columns."""
    row = browser.page(path).tbody.tr
    cells = {
        cell["data-label"]: " ".join(cell.get_text(" ").split()) for cell in row.find_all("td")
    }
    return cells | {"File": " ".join(row.th.get_text(" ").split())}


def _names(page: Any) -> list[str]:
    return [row.th.a.get_text() for row in page.tbody.find_all("tr")] if page.tbody else []


def test_an_import_has_its_file_source_status_and_sender(service: Service) -> None:
    service.import_csv(GOOD, "?source=daily&filename=monday.csv", User_Agent="curl/8.5.0")
    row = _row(Browser(service))
    assert (row["File"], row["Status"], row["Source"], row["Rows"]) == (
        "monday.csv",
        "succeeded",
        "daily",
        "1",
    )
    assert row["Sent by"].endswith("curl")


def test_a_failed_import_leads_to_its_errors_and_to_the_file_to_fix(service: Service) -> None:
    import_id = service.import_csv(BAD)["import_id"]
    cell = Browser(service).page("/imports").find("td", attrs={"data-label": "Warnings and errors"})
    errors, report = (link["href"] for link in cell.find_all("a"))
    assert cell.a.get_text() == "1 error in 1 row; nothing was written"
    assert errors == f"/imports/{import_id}#errors"
    assert "cheap" in service.http.get(report).text


def test_a_check_and_a_rollback_are_named(service: Service) -> None:
    rolled_back = service.import_csv(GOOD)["import_id"]
    service.http.post(f"/api/imports/{rolled_back}/rollback", status=202)
    service.work()
    service.import_csv(GOOD, "?dry_run=true&filename=check.csv")
    states = [
        row.find(class_="status").get_text()
        for row in Browser(service).page("/imports").tbody("tr")
    ]
    assert states == ["checked", "rolled back"]
    assert _row(Browser(service))["File"] == "check.csv check only"


def test_an_import_under_way_shows_its_progress_its_speed_and_the_time_left(
    service: Service,
) -> None:
    import_id = service.upload(GOOD).json["import_id"]
    service.alter(
        import_id,
        status="running",
        attempt=1,
        phase="reading",
        progress=0.25,
        rows_read=5000,
        started_at="2026-01-01T00:00:00.000000Z",
        heartbeat_at="2026-01-01T00:00:10.000000Z",
    )
    row = _row(Browser(service))
    assert row["Status"].startswith("stalled")  # its heartbeat is old, so it has no speed
    assert row["Rows per second"] == "–"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?status=failed", ["b.csv"]),
        ("?source=DAILY", ["c.csv", "a.csv"]),
        ("?source=daily&status=queued", ["c.csv"]),
        ("?status=cancelled", []),
    ],
)
def test_filters_combine(service: Service, query: str, names: list[str]) -> None:
    service.import_csv(GOOD, "?source=daily&filename=a.csv")
    service.import_csv(BAD, "?source=weekly&filename=b.csv")
    service.upload(GOOD, "?source=daily&filename=c.csv")
    page = Browser(service).page(f"/imports{query}")
    assert _names(page) == names
    assert names or "No import matches all of these filters" in page.get_text()


def test_the_known_sources_are_offered(service: Service) -> None:
    for source in ("daily", "weekly", "DAILY"):
        service.upload(GOOD, f"?source={source}")
    options = [
        option["value"]
        for option in Browser(service).page("/imports").find("datalist").find_all("option")
    ]
    assert [option.lower() for option in options] == ["daily", "weekly"]


def test_pages_go_both_ways(service: Service) -> None:
    for number in range(7):
        service.upload(GOOD, f"?filename={number}.csv")
    browser, there = Browser(service), []
    path = "/imports?limit=3"
    while True:
        page = browser.page(path)
        there.append(_names(page))
        following = page.find("a", rel="next")
        if following is None:
            break
        path = following["href"]
    assert there == [["6.csv", "5.csv", "4.csv"], ["3.csv", "2.csv", "1.csv"], ["0.csv"]]
    back = browser.page(browser.page(path).find("a", rel="prev")["href"])
    assert _names(back) == there[1]
    assert back.find("a", rel="prev") is None
    assert _names(browser.page(back.find("a", string="« Newest")["href"])) == there[0]


def test_a_moment_leaves_out_what_came_later(service: Service) -> None:
    first = service.import_csv(GOOD, "?filename=a.csv")
    service.import_csv(GOOD, "?filename=b.csv")
    page = Browser(service).page(f"/imports?as_of={first['received_at']}")
    assert _names(page) == ["a.csv"]
    assert "as it is now" in page.find(class_="banner").get_text()
    data = service.http.get(page.find(class_="data").find("a", string="JSON")["href"]).json
    assert [one["filename"] for one in data] == ["a.csv"]


def test_without_a_worker_the_list_says_so(service: Service) -> None:
    service.upload(GOOD)
    assert "no worker" in Browser(service).page("/imports").get_text()
    service.greet()
    assert "no worker" not in Browser(service).page("/imports").get_text()


def test_before_the_first_import_the_list_says_that_there_is_none(service: Service) -> None:
    assert "Nothing has been uploaded yet" in Browser(service).page("/imports").get_text()
