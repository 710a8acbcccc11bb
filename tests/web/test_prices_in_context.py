"""Whether a price is good: the distribution of a model's prices, the position of an offer in it,
and how many offers of each kind there are."""

from typing import Any

import pytest

from glyphd.web.wording import percent_change
from tests.service import Service
from tests.web.browsing import Browser

HEADER = "model,price_usd,score,condition,region,seller,source_url,seen_at\n"
OFFERS = [
    (
        "L4",
        2000 + 10 * number,
        ("New", "new", "Used")[number % 3],
        ("EU", "eu", "USA", "")[number % 4],
    )
    for number in range(40)
] + [("L4", 90000, "New", "USA"), ("A40", 4000, "", "EU")]


def _csv(offers: list[tuple[str, int, str, str]], day: str) -> str:
    rows = (
        f"{model},{price},0.5,{condition},{region},Seller {number % 9},https://a.example/{number},{day}"
        for number, (model, price, condition, region) in enumerate(offers)
    )
    return HEADER + "\n".join(rows)


@pytest.fixture(scope="module")
def browser(shared_service: Service) -> Browser:
    """Forty-one offers of one model, one of them very expensive."""
    status = shared_service.import_csv(_csv(OFFERS, "2025-07-01"), "?source=daily")
    assert status["status"] == "succeeded"
    return Browser(shared_service)


def _table(page: Any, label: str) -> list[list[str]]:
    rows = page.find(attrs={"aria-label": label}).tbody("tr")
    return [[" ".join(cell.get_text(" ").split()) for cell in row(["th", "td"])] for row in rows]


def _facets(page: Any) -> dict[str, dict[str, tuple[int, str]]]:
    """By column and value, the number of offers and the link's target."""
    return {
        line.strong.get_text(): {
            link.get_text(): (int(str(link.next_sibling).split()[0]), link["href"])
            for link in line("a")
            if not link.get_text().startswith("any ")
        }
        for line in page.select(".facets p")
    }


def test_the_histogram_counts_every_offer_once(browser: Browser) -> None:
    page = browser.page("/models/L4")
    links = page.find(attrs={"aria-label": "Offers by price"}).tbody("a")
    shown = {row[0]: int(row[1]) for row in _table(page, "Offers by price")}
    assert sum(shown.values()) == 41
    assert 8 <= len(shown) <= 15
    for link in links:
        address = link["href"].replace("/listings?", "/api/listings?")
        assert len(browser.service.http.get(address).json) == shown[link.get_text()]


def test_one_outlier_does_not_make_one_bar_of_the_rest(browser: Browser) -> None:
    shown = _table(browser.page("/models/L4"), "Offers by price")
    assert shown[-1][0].endswith("and more")
    assert max(int(count) for _, count in shown) < 15


def test_each_bar_says_what_it_counts(browser: Browser) -> None:
    page = browser.page("/models/L4")
    picture = page.find("svg", attrs={"aria-label": lambda text: text and "middle half" in text})
    titles = [bar.title.get_text() for bar in picture.find_all("rect", class_="bar")]
    rows = _table(page, "Offers by price")
    assert titles == [
        f"{words}: {count} offer{'s' if count != '1' else ''}" for words, count in rows
    ]


@pytest.mark.parametrize("model", ["L4", "A40"])
def test_the_prices_by_condition_are_those_of_the_statistics(browser: Browser, model: str) -> None:
    page = browser.page(f"/models/{model}")
    rows = browser.service.http.get(f"/api/stats?by=condition&model={model}").json
    names = ("min_price", "p25_price", "median_price", "p75_price", "max_price")
    expected = {
        (row["condition"] or "not known"): [row["listing_count"], *(row[name] for name in names)]
        for row in rows
    }
    shown = {
        row[0]: [float(cell.strip("$").replace(",", "")) for cell in row[1:]]
        for row in _table(page, "Prices by condition")
    }
    assert shown == expected


def test_equal_prices_make_no_histogram(browser: Browser) -> None:
    page = browser.page("/models/A40")
    assert page.find(attrs={"aria-label": "Offers by price"}) is None


@pytest.mark.parametrize("place", [0, 20, 40])
def test_an_offer_is_placed_among_its_model_and_condition(browser: Browser, place: int) -> None:
    fields = "listing_id,condition,price_usd,price_vs_median_pct"
    row = browser.service.listings(f"?model=L4&sort=price_usd&fields={fields}")[place]
    same = browser.service.listings(f"?model=L4&condition={row['condition']}")
    dearer = sum(other["price_usd"] > row["price_usd"] for other in same)
    text = " ".join(browser.page(f"/listings/{row['listing_id']}").get_text(" ").split())
    others = f"{len(same) - 1} other current offers"
    said = f"less than {dearer} of the {others}" if dearer else f"None of the {others} costs more"
    assert said in text
    percent = int(100 * dearer / (len(same) - 1))
    assert f"Cheaper than {percent} % of the same model and condition" in text
    distance = row["price_vs_median_pct"]
    way = "above" if distance > 0 else "below"
    written = percent_change(abs(distance)).removeprefix("+")
    assert (f"Its price is {written} {way} that median." in text) == (distance != 0)


def test_the_values_are_counted_as_the_statistics_count_them(browser: Browser) -> None:
    facets = _facets(browser.page("/listings"))
    assert set(facets) == {"Model", "Region", "Condition", "Seller"}
    for name in ("model", "region", "condition"):
        rows = browser.service.http.get(f"/api/stats?by={name}").json
        shown = {value: count for value, (count, _) in facets[name.capitalize()].items()}
        assert shown == {row[name]: row["listing_count"] for row in rows if row[name]}


def test_a_value_is_a_filter_beside_those_there_are(browser: Browser) -> None:
    facets = _facets(browser.page("/listings?model=L4&max_price=2200"))
    count, address = facets["Condition"]["New"]
    assert address == "/listings?model=L4&max_price=2200&condition=New"
    page = browser.page(address)
    assert f"{count} offers" in page.find(class_="pages").get_text()
    away = page.find("a", string="any condition")["href"]
    assert away == "/listings?model=L4&max_price=2200"


def test_only_the_most_frequent_values_are_shown(browser: Browser) -> None:
    page = browser.page("/listings")
    assert len(_facets(page)["Seller"]) == 6
    assert "3 more" in page.select_one(".facets").get_text()


def test_too_many_offers_are_not_counted_by_value(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glyphd.web.screens.listing_search.MOST_FACETED", 41)
    assert browser.page("/listings?count=exact").select_one(".facets") is None
    assert "at most 41 offers match" in browser.page("/listings?count=exact").get_text()
    assert _facets(browser.page("/listings?model=l4")) != {}
    assert _facets(browser.page("/listings?region=eu")) != {}


def test_what_is_new_gone_and_moved_is_told_apart(service: Service) -> None:
    before = [("L4", 2000, "New", "EU"), ("L4", 2100, "New", "EU"), ("L4", 2200, "New", "EU")]
    after = [("L4", 2000, "New", "EU"), ("L4", 1900, "New", "EU"), ("A40", 1, "New", "EU")]
    service.import_csv(_csv(before, "2025-07-01"), "?source=daily&complete=true")
    service.import_csv(_csv(after, "2025-07-02"), "?source=daily&complete=true")
    page = Browser(service).page("/models/L4")
    assert [row[3:5] for row in _table(page, "Moved")] == [["$2,100", "$1,900"]]
    assert sorted(row[3] for row in _table(page, "New")) == ["$2,000", "$2,100", "$2,200"]
    assert [row[0::3] for row in _table(page, "Gone")] == [["2025-07-02 00:00", "$2,200"]]
    links = [link["href"] for link in page.find(id="lately").parent("a")]
    assert "/changes?model=L4&kind=new" in links
    assert "/listings?model=L4&gone=only" in links
