"""`GET /api/listings/{listing_id}`: the current state of one listing."""

import pytest

from glyphd.db.archive_models import ListingKey, ScoredListing
from glyphd.db.connections import open_archive
from tests.http.conftest import Market
from tests.service import Service, offers


def _roll_back_everything(service: Service) -> None:
    """Clears the current flags, as a rollback of all imports does."""
    archive = open_archive(service.settings, read_only=False)
    with archive.connection_context():
        archive.execute(ScoredListing.update(is_current=0))
        archive.execute(ListingKey.update(current_event_id=None))


def test_it_is_the_row_that_the_list_has(market: Market) -> None:
    for row in market.service.listings():
        assert market.service.http.get(f"/api/listings/{row['listing_id']}").json == row


def test_it_is_the_latest_observation(service: Service) -> None:
    service.import_csv(offers("L4,2,1,,,2025-01-02"))
    service.import_csv(offers("L4,1,1,,,2025-01-01"))
    listing_id = service.listings()[0]["listing_id"]
    assert service.http.get(f"/api/listings/{listing_id}").json["price_usd"] == 2.0


def test_its_id_is_32_hex_digits_of_either_case(market: Market) -> None:
    listing_id = market.service.listings()[0]["listing_id"]
    assert (len(listing_id), listing_id) == (32, listing_id.lower())
    assert (
        market.service.http.get(f"/api/listings/{listing_id.upper()}").json["listing_id"]
        == listing_id
    )


@pytest.mark.parametrize(
    "listing_id", ["0" * 32, "0" * 31, "g" * 32, "0" * 34, "0%20" * 16, "%C3%BC"]
)
def test_an_unknown_id_is_404(market: Market, listing_id: str) -> None:
    assert market.service.refusal(f"/api/listings/{listing_id}", 404)["code"] == "listing_not_found"


def test_a_listing_all_of_whose_events_are_rolled_back_is_not_current(own_market: Market) -> None:
    listing_id = own_market.service.listings()[0]["listing_id"]
    _roll_back_everything(own_market.service)
    found = own_market.service.refusal(f"/api/listings/{listing_id}", 404)
    assert (found["code"], found["listing_id"]) == ("listing_not_current", listing_id)


def test_who_has_it_already_gets_304(market: Market) -> None:
    path = f"/api/listings/{market.service.listings()[0]['listing_id']}"
    etag = market.service.http.get(path).headers["ETag"]
    assert market.service.http.get(path, headers={"If-None-Match": etag}, status=304).body == b""


def test_an_import_changes_the_etag(service: Service) -> None:
    service.import_csv(offers("L4,1,1,,,2025-01-01"))
    path = f"/api/listings/{service.listings()[0]['listing_id']}"
    etag = service.http.get(path).headers["ETag"]
    service.import_csv(offers("L4,2,1,,,2025-01-02"))
    answer = service.http.get(path, headers={"If-None-Match": etag})
    assert (answer.status_code, answer.json["price_usd"]) == (200, 2.0)


@pytest.mark.parametrize("parameter", ["fields", "format", "history", "as_of"])
def test_it_takes_no_parameters(market: Market, parameter: str) -> None:
    listing_id = market.service.listings()[0]["listing_id"]
    assert (
        market.service.refusal(f"/api/listings/{listing_id}?{parameter}=x")["parameter"]
        == parameter
    )
