"""The Atom feed of a watch, as a feed reader parses it."""

from typing import Any

import feedparser
import pytest
from webtest import TestResponse

from tests.service import Service, offers
from tests.tokens import bearer, new_key

ROWS = (
    'L4,1234.5,0.5,"<b>EU & co</b>",Acme,2025-07-28T12:00:00Z',
    "T4\x01\ufffe,50,0.5,EU,Яндекс,2025-07-28T12:00:00Z",
)


def _create(service: Service, **headers: str) -> dict[str, Any]:
    body = {"name": 'cheap "L4" <now> & always', "condition": "new"}
    found: dict[str, Any] = service.http.post_json("/api/watches", body, headers=headers).json
    return found


def _read(answer: TestResponse) -> Any:
    """The parsed feed, which must have no faults."""
    assert answer.content_type == "application/atom+xml"
    headers = {name.lower(): value for name, value in answer.headers.items()}
    feed = feedparser.parse(answer.body, response_headers=headers)
    assert not feed.bozo, feed.get("bozo_exception")
    assert feed.version == "atom10"
    return feed


def test_an_empty_feed_is_one(service: Service) -> None:
    watch = _create(service)
    feed = _read(service.http.get(watch["links"]["feed"]))
    assert (feed.feed.title, feed.entries) == (watch["name"], [])
    assert feed.feed.id == f"urn:uuid:{watch['watch_id']}"
    assert feed.feed.updated == watch["created_at"]


def test_each_match_is_an_entry_of_its_own(service: Service) -> None:
    watch = _create(service)
    service.import_csv(offers(*ROWS))
    service.import_csv(offers("L40,7,0.5,EU,Acme,2025-07-29T12:00:00Z"))
    feed = _read(service.http.get(watch["links"]["feed"]))
    assert [entry.title for entry in feed.entries] == ["L40: $7.00", "T4: $50.00", "L4: $1,234.50"]
    assert len({entry.id for entry in feed.entries}) == 3
    assert feed.feed.updated == feed.entries[0].updated
    listing_id = service.listings("?model=L40")[0]["listing_id"]
    assert feed.entries[0].link == f"http://localhost:80/listings/{listing_id}"
    assert "Яндекс" in feed.entries[1].summary
    again = _read(service.http.get(watch["links"]["feed"]))
    assert [entry.id for entry in again.entries] == [entry.id for entry in feed.entries]


def test_it_is_not_sent_again_unchanged(service: Service) -> None:
    watch = _create(service)
    service.import_csv(offers(*ROWS))
    tag = service.http.get(watch["links"]["feed"]).headers["ETag"]
    same = {"If-None-Match": tag}
    assert service.http.get(watch["links"]["feed"], headers=same, status=304).body == b""
    service.import_csv(offers("L40,7,0.5,EU,Acme,2025-07-29T12:00:00Z"))
    service.http.get(watch["links"]["feed"], headers=same, status=200)


def test_the_address_is_enough_where_everything_else_needs_a_token(service: Service) -> None:
    writer = bearer(new_key(service, "writer", "write"))
    watch = _create(service, **writer)
    service.http.get(watch["links"]["self"], status=401)
    _read(service.http.get(watch["links"]["feed"]))
    shown = service.http.get(watch["links"]["self"], headers=writer).json
    assert shown["created_by"] == "writer"


@pytest.mark.parametrize("change", [lambda path: path[:-1], lambda path: f"{path}x", str.upper])
def test_another_address_is_not_found(service: Service, change: Any) -> None:
    watch = _create(service)
    *front, secret = watch["links"]["feed"].split("/")
    assert service.refusal("/".join([*front, change(secret)]), 404)["code"] == "watch_not_found"


def test_a_new_address_replaces_the_old_one(service: Service) -> None:
    watch = _create(service)
    changed = service.http.post(f"{watch['links']['self']}/feed").json
    assert changed["links"]["feed"] != watch["links"]["feed"]
    assert {**changed, "links": None} == {**watch, "links": None}
    assert service.refusal(watch["links"]["feed"], 404)["code"] == "watch_not_found"
    _read(service.http.get(changed["links"]["feed"]))
