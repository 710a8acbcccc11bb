"""The market: a strip of numbers, a table of models, and an invitation to upload while it is
empty."""

import pytest

from glyphd.db.connections import open_archive
from glyphd.history import market_summaries, remembered_history
from glyphd.history.market_summaries import keep_summaries
from tests.service import Service, offers
from tests.web.browsing import Browser


def _strip(browser: Browser, path: str = "/") -> dict[str, str]:
    items = browser.page(path).select(".strip > div")
    return {item.dt.get_text(): " ".join(item.dd.get_text(" ").split()) for item in items}


def test_an_empty_archive_says_how_to_begin(service: Service) -> None:
    page = Browser(service).page("/")
    assert "Upload a first file" in page.h1.get_text()
    form = page.find("form", method="post")
    assert form.find("input", type="file")["name"] == "file"
    assert "curl -F file=@scored_sample.csv http://localhost:80/api/import" in page.get_text()
    sample = service.http.get(page.find("a", download=True)["href"])
    assert sample.headers["Content-Disposition"] == 'attachment; filename="scored_sample.csv"'
    assert service.import_csv(sample.body)["record_count"] == 24


def test_the_invitation_says_that_a_file_has_arrived(service: Service) -> None:
    service.upload(offers("L4,2400,0.7,EU,Acme,2025-07-01"))
    assert "1 waiting" in Browser(service).page("/").find(class_="note").get_text()


def test_the_strip_counts_what_is_there(service: Service) -> None:
    service.import_csv(
        offers("L4,2400,0.7,EU,Acme,2025-07-01", "A40,4400,0.8,EU,Acme,2025-07-01"), "?source=daily"
    )
    service.import_csv(offers("L4,2500,0.7,EU,Zebra,2025-07-01"), "?source=DAILY")
    service.upload(offers("L4,2600,0.7,EU,Yak,2025-07-01"))
    found = _strip(Browser(service))
    counted = {
        name: found[name]
        for name in ("Current offers", "Models", "Named sources", "Unfinished imports")
    }
    assert counted == {
        "Current offers": "3",
        "Models": "2",
        "Named sources": "1",
        "Unfinished imports": "1",
    }
    assert found["Last import"].endswith("1 row from DAILY")


def test_the_strip_says_when_no_worker_is_there(service: Service) -> None:
    service.import_csv(offers("L4,2400,0.7,EU,Acme,2025-07-01"))
    assert _strip(Browser(service))["Worker"].startswith("none")
    service.greet()
    assert _strip(Browser(service))["Worker"] == "running"


def test_an_import_that_is_rolled_back_is_not_the_last_one(service: Service) -> None:
    first = service.import_csv(offers("L4,2400,0.7,EU,Acme,2025-07-01"))["import_id"]
    second = service.import_csv(offers("L4,2500,0.7,EU,Acme,2025-07-02"))["import_id"]
    service.http.post(f"/api/imports/{second}/rollback", status=202)
    service.work()
    assert first[:8] in _strip(Browser(service))["Last import"]
    service.http.post(f"/api/imports/{first}/rollback", status=202)
    service.work()
    page = Browser(service).page("/")
    assert "every import is rolled back" in page.find(class_="nothing").get_text()


def test_each_model_has_the_numbers_of_the_api(archive: Service, browser: Browser) -> None:
    (row,) = [row for row in browser.rows("/") if row[0] == "RTX_A6000"]
    model = archive.http.get("/api/models/RTX_A6000").json
    assert row[1] == str(model["listing_count"])
    assert row[2] == f"${model['min_price']:,.0f}"


def test_a_heading_sorts_and_turns_round(browser: Browser) -> None:
    by_price = [row[2] for row in browser.rows("/?sort=min_price")]
    amounts = [float(text.strip("$").replace(",", "")) for text in by_price]
    assert amounts == sorted(amounts)
    heading = browser.page("/?sort=min_price").find("th", attrs={"aria-sort": "ascending"})
    assert heading.a["href"] == "/?sort=-min_price"
    turned = [row[2] for row in browser.rows("/?sort=-min_price")]
    assert sorted(turned) == sorted(by_price)
    assert turned[0] == by_price[-1]


@pytest.mark.parametrize(("column", "sort"), [(2, "min_price"), (3, "median_price")])
def test_every_price_sorts(browser: Browser, column: int, sort: str) -> None:
    found = [row[column] for row in browser.rows(f"/?sort=-{sort}")]
    amounts = [float(text.strip("$").replace(",", "")) for text in found]
    assert amounts == sorted(amounts, reverse=True)
    (heading,) = browser.page(f"/?sort=-{sort}").find_all("th", attrs={"aria-sort": "descending"})
    assert heading.a["href"] == f"/?sort={sort}"


def _history(service: Service) -> None:
    """In a week the L4 goes from 100 to 125 and the T4 from 10 to 9, in a month the A40 from 400 to
    300; the A2 is seen once."""
    for day, prices in (
        ("07-01", {"A40": 400}),
        ("07-24", {"L4": 100, "T4": 10}),
        ("07-31", {"A2": 50, "A40": 300, "L4": 125, "T4": 9}),
    ):
        rows = (f"{name},{price},0.5,EU,Acme,2025-{day}" for name, price in prices.items())
        service.import_csv(offers(*rows))


def test_a_model_shows_how_its_median_moved(service: Service) -> None:
    _history(service)
    browser = Browser(service)
    assert [(row[0], *row[6:9]) for row in browser.rows("/")] == [
        ("A2", "–", "–", "10"),
        ("A40", "–", "−25.0 %", "1.6667"),
        ("L4", "+25.0 %", "–", "4"),
        ("T4", "−10.0 %", "–", "55.5556"),
    ]
    titles = [title.get_text() for title in browser.page("/").select("td title")]
    spreads, lines = titles[::2], titles[1::2]
    assert spreads[0] == "$50 to $50; the middle half $50 to $50, the median $50"
    assert lines == [
        "Median $50 on 2025-07-31",
        "Median $300 on 2025-07-31",
        "Median $100 on 2025-07-24 and $125 on 2025-07-31",
        "Median $10 on 2025-07-24 and $9 on 2025-07-31",
    ]


@pytest.mark.parametrize(
    ("sort", "models"),
    [
        ("change_7_days", ["T4", "L4", "A2", "A40"]),
        ("-change_7_days", ["L4", "T4", "A2", "A40"]),
        ("change_30_days", ["A40", "A2", "L4", "T4"]),
        ("-max_score_per_1000_usd", ["T4", "A2", "L4", "A40"]),
        ("max_score_per_1000_usd", ["A40", "L4", "A2", "T4"]),
    ],
)
def test_models_without_a_value_come_last(service: Service, sort: str, models: list[str]) -> None:
    _history(service)
    assert [row[0] for row in Browser(service).rows(f"/?sort={sort}")] == models


def test_the_medians_by_day_can_be_had_as_data(service: Service) -> None:
    _history(service)
    page = Browser(service).page("/")
    (place,) = [place for place in page.select(".data") if "medians by day" in place.get_text()]
    links = {link.get_text(): link["href"] for link in place.select("a")}
    rows = service.http.get(links["JSON"]).json
    assert [(row["bucket"], row["model"], row["median_price"]) for row in rows] == [
        ("2025-07-01", "A40", 400),
        ("2025-07-24", "L4", 100),
        ("2025-07-24", "T4", 10),
        ("2025-07-31", "A2", 50),
        ("2025-07-31", "A40", 300),
        ("2025-07-31", "L4", 125),
        ("2025-07-31", "T4", 9),
    ]


def _note(browser: Browser, path: str) -> str:
    text: str = browser.page(path).select_one("p.note:not([hidden])").get_text()
    return text


def test_a_page_does_not_wait_for_very_many_medians(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    _history(service)
    monkeypatch.setattr(remembered_history, "MOST_EVENTS", 2)
    browser = Browser(service)
    assert "as soon as a worker has computed it" in _note(browser, "/")
    assert [len(row) for row in browser.rows("/")] == [7, 7, 7, 7]
    now = service.http.get("/api/imports").json[0]["imported_at"]
    assert "too many observations" in _note(browser, f"/?as_of={now}")
    archive = open_archive(service.settings, read_only=False)
    with archive.connection_context():
        keep_summaries(archive, least=0)
    assert [row[6] for row in browser.rows("/")] == ["–", "–", "+25.0 %", "−10.0 %"]


def test_a_page_says_when_there_are_too_many_for_a_worker(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    _history(service)
    monkeypatch.setattr(remembered_history, "MOST_EVENTS", 2)
    monkeypatch.setattr(market_summaries, "MOST_KEPT_EVENTS", 2)
    archive = open_archive(service.settings, read_only=False)
    with archive.connection_context():
        keep_summaries(archive, least=0)
    assert "too many observations" in _note(Browser(service), "/")


def test_part_of_a_model_is_enough_to_find_it(browser: Browser) -> None:
    assert {row[0] for row in browser.rows("/?q=h100_p")} == {"H100_PCIE_80GB"}
    assert (
        "No model with a current offer has"
        in browser.page("/?q=nothing").find(class_="nothing").get_text()
    )


def test_a_moment_shows_what_was_known_then(service: Service) -> None:
    first = service.import_csv(offers("L4,2400,0.7,EU,Acme,2025-07-01"))
    service.import_csv(offers("L4,2000,0.7,EU,Acme,2025-07-02", "A40,4400,0.8,EU,Acme,2025-07-02"))
    browser = Browser(service)
    then = browser.rows(f"/?as_of={first['imported_at']}")
    assert [(row[0], row[2]) for row in then] == [("L4", "$2,400")]
    assert [(row[0], row[2]) for row in browser.rows("/")] == [("A40", "$4,400"), ("L4", "$2,000")]
    assert "Worker" not in _strip(browser, f"/?as_of={first['imported_at']}")


def test_many_models_come_in_pages(service: Service) -> None:
    service.import_csv(
        offers(*(f"M{number:03},100,0.5,EU,Acme,2025-07-01" for number in range(250)))
    )
    browser = Browser(service)
    seen: list[str] = []
    path = "/"
    while path:
        page = browser.page(path)
        seen += [row.th.get_text(strip=True) for row in page.tbody.find_all("tr")]
        following = page.find("a", rel="next")
        path = following["href"] if following else ""
    assert seen == [f"M{number:03}" for number in range(250)]
