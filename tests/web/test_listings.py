"""The table of listings: filters, columns, order, and pages in both directions."""

from itertools import chain
from typing import Any

import pytest

from tests.service import Service, offers
from tests.web.browsing import Browser

COUNT = 130


@pytest.fixture(scope="module")
def many(shared_service: Service) -> Browser:
    """Offers with many prices, several of them equal, so that pages end within ties."""
    rows = (
        f"M{number % 3},{100 + number // 7},0.5,EU,Seller {number},2025-07-01"
        for number in range(COUNT)
    )
    shared_service.import_csv(offers(*rows))
    return Browser(shared_service)


def _prices(page: Any) -> list[str]:
    return [row.find(attrs={"data-label": "Price"}).get_text() for row in page.tbody.find_all("tr")]


def _names(browser: Browser, path: str) -> set[str]:
    return {row[0] for row in browser.rows(path)}


@pytest.mark.parametrize("sort", ["price_usd", "-price_usd", "model", "-seen_at"])
@pytest.mark.parametrize("limit", [7, 20, 64])
def test_the_way_back_through_the_pages_is_the_way_there(
    many: Browser, sort: str, limit: int
) -> None:
    path, there = f"/listings?sort={sort}&limit={limit}", []
    while True:
        page = many.page(path)
        there.append(_sellers(page))
        following = page.find("a", rel="next")
        if following is None:
            break
        path = following["href"]
    shown = list(chain.from_iterable(there))
    assert len(shown) == len(set(shown)) == COUNT
    back = [_sellers(page)]
    while (before := page.find("a", rel="prev")) is not None:
        page = many.page(before["href"])
        back.append(_sellers(page))
    assert back == there[::-1]


def _sellers(page: Any) -> list[str]:
    return [
        row.find(attrs={"data-label": "Seller"}).get_text() for row in page.tbody.find_all("tr")
    ]


def test_a_filter_leaves_what_fits(browser: Browser) -> None:
    assert _names(browser, "/listings?model_contains=a6000") == {"RTX_A6000"}
    assert _names(browser, "/listings?q=rackyard+a6000") == {"RTX_A6000"}
    assert all("Rackyard" in row for row in browser.rows("/listings?seller=rackyard"))
    assert (
        "No current offer matches"
        in browser.page("/listings?region=Nowhere").find(class_="nothing").get_text()
    )


def test_the_form_shows_what_is_filtered(browser: Browser) -> None:
    page = browser.page(
        "/listings?q=rack&model_contains=a6000&min_price=1000&region=USA&region=Canada"
    )
    values = {
        field["name"]: field["value"]
        for field in page.find_all("input", attrs={"name": True, "value": True})
    }
    assert (values["q"], values["model_contains"], values["min_price"]) == ("rack", "a6000", "1000")
    assert [field["value"] for field in page.find_all("input", attrs={"name": "region"})][:2] == [
        "USA",
        "Canada",
    ]


def test_the_form_sends_the_address_that_it_shows(browser: Browser) -> None:
    form = browser.get("/listings?sort=price_usd").forms[1]
    form["q"] = "a6000"
    answer = form.submit(headers={"Accept": "text/html"})
    assert answer.status_int == 303
    assert answer.headers["Location"] == "/listings?sort=price_usd&q=a6000"


def test_columns_are_chosen_and_kept_in_one_list(browser: Browser) -> None:
    answer = browser.get("/listings?fields=title&fields=price_usd&fields=model", 303)
    assert answer.headers["Location"] == "/listings?fields=title%2Cprice_usd%2Cmodel"
    heads = [
        head.get_text(strip=True)
        for head in browser.page("/listings?fields=title,price_usd,model").find_all("th")
    ]
    assert heads[:3] == ["Title", "Price", "Model"]


def test_a_column_that_is_none_is_refused_by_name(browser: Browser) -> None:
    page = browser.get("/listings?fields=prize", 400).text
    assert "there is no such column" in page


def test_a_value_that_no_offer_has_is_named_with_the_nearest(browser: Browser) -> None:
    told = browser.page("/listings?region=UAS&min_price=1").find(class_="nothing").get_text()
    assert "No region is 'UAS'; nearest: USA." in told
    told = browser.page("/listings?region=USA&min_price=999999").find(class_="nothing").get_text()
    assert "nearest" not in told


def test_the_data_of_the_table_is_a_link_away(archive: Service, browser: Browser) -> None:
    page = browser.page("/listings?region=USA&sort=price_usd&limit=2")
    links = {link.get_text(): link["href"] for link in page.find(class_="data").find_all("a")}
    rows = archive.http.get(links["JSON"]).json
    assert archive.http.get(links["Parquet"]).body.startswith(b"PAR1")
    assert len(rows) > 2
    assert {row["region"] for row in rows} == {"USA"}
    assert (
        'curl "http://localhost:80/api/listings?region=USA&sort=price_usd"'
        in page.find("pre").get_text()
    )


def test_the_rows_are_counted(browser: Browser, many: Browser, archive: Service) -> None:
    assert (
        f"{len(archive.listings())} offers"
        in browser.page("/listings").find(class_="pages").get_text()
    )
    assert f"7 of {COUNT} offers" in many.page("/listings?limit=7").find(class_="pages").get_text()
    assert (
        f"1 of {COUNT} observations"
        in many.page("/listings?limit=1&history=true").find(class_="pages").get_text()
    )


def test_very_many_rows_are_counted_when_it_is_asked_for(service: Service) -> None:
    csv = offers(*(f"L4,{number},0.5,EU,Seller {number},2025-07-01" for number in range(2_001)))
    assert service.import_csv(csv)["status"] == "succeeded"
    browser = Browser(service)
    pages = browser.page("/listings").find(class_="pages")
    assert "More than 2,000 offers" in pages.get_text()
    link = pages.find("a", rel="nofollow")["href"]
    assert "50 of 2,001 offers" in browser.page(link).find(class_="pages").get_text()
    assert (
        "50 of 2,001 offers"
        in browser.page("/listings?model=L4&count=exact").find(class_="pages").get_text()
    )


def test_rows_that_a_filter_leaves_are_counted_when_they_are_one_page(many: Browser) -> None:
    few, some = (
        many.page(f"/listings?max_price={price}").find(class_="pages").get_text()
        for price in (101, 112)
    )
    assert "14 offers" in few
    assert "50 offers on this page" in some
    assert (
        f"50 of {7 * 13} offers"
        in many.page("/listings?max_price=112&count=exact").find(class_="pages").get_text()
    )


def test_every_observation_is_shown_on_demand(browser: Browser, archive: Service) -> None:
    count = len(archive.listings("?history=true&model=RTX_A6000"))
    assert len(browser.rows("/listings?history=true&model=RTX_A6000&limit=100")) == count
    assert count > len(browser.rows("/listings?model=RTX_A6000"))


def test_a_cursor_of_another_query_is_refused(many: Browser) -> None:
    following = many.page("/listings?limit=7").find("a", rel="next")["href"]
    page = many.get(following.replace("limit=7", "sort=price_usd"), 400).text
    assert "other filters or another order" in page
