"""The market: a strip of numbers, a table of models, and an invitation to upload while it is
empty."""

import pytest

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
        for name in ("Current offers", "Models", "Named sources", "Waiting imports")
    }
    assert counted == {
        "Current offers": "3",
        "Models": "2",
        "Named sources": "1",
        "Waiting imports": "1",
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


@pytest.mark.parametrize(
    ("column", "sort"), [(2, "min_price"), (3, "median_price"), (4, "max_price")]
)
def test_every_price_sorts(browser: Browser, column: int, sort: str) -> None:
    found = [row[column] for row in browser.rows(f"/?sort=-{sort}")]
    amounts = [float(text.strip("$").replace(",", "")) for text in found]
    assert amounts == sorted(amounts, reverse=True)
    (heading,) = browser.page(f"/?sort=-{sort}").find_all("th", attrs={"aria-sort": "descending"})
    assert heading.a["href"] == f"/?sort={sort}"


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
