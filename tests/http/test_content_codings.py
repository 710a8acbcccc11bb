"""Answers in gzip, for clients that accept it."""

import gzip

import pytest

from tests.http.conftest import Market
from tests.http.wsgi import Answer, ask
from tests.service import Service, offers

WHOLE = "/api/listings?format={}"
PAGE = "/api/listings?format={}&limit=100"
OTHERS = ("/api/imports", "/api/schema", "/api/imports/{}/report.csv", "/api/listings?nothing=1")


def _get(market: Market, target: str, accepted: str = "", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if accepted:
        named["Accept-Encoding"] = accepted
    return ask(market.service, target.format(market.first), headers=named)


@pytest.mark.parametrize(
    "target",
    [path.replace("{}", form) for path in (WHOLE, PAGE) for form in ("json", "csv", "ndjson")],
)
def test_lists_come_in_gzip(market: Market, target: str) -> None:
    plain, packed = _get(market, target), _get(market, target, "gzip")
    assert packed.header("Content-Encoding") == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert packed.header("Content-Length") == str(len(packed.body))
    assert packed.header("Content-Type") == plain.header("Content-Type")
    assert packed.header("ETag") == plain.header("ETag")[:-1] + '-gzip"'
    assert plain.header("Vary") == packed.header("Vary") == "Accept, Accept-Encoding"


@pytest.mark.parametrize("target", OTHERS)
def test_other_answers_too(market: Market, target: str) -> None:
    plain, packed = _get(market, target), _get(market, target, "gzip")
    if len(plain.body) > 1024:
        assert gzip.decompress(packed.body)[:400] == plain.body[:400]
    assert packed.status == plain.status
    assert "Accept-Encoding" in plain.header("Vary")


def test_pages_for_people_too(market: Market) -> None:
    packed = _get(market, "/listings", "gzip, deflate, br", Accept="text/html")
    assert b"<!doctype html>" in gzip.decompress(packed.body).lower()
    assert packed.header("Vary") == "Accept, Accept-Encoding"


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("GZIP;q=0.1", "gzip"),
        ("x-gzip", "gzip"),
        ("deflate, gzip;q=0.5, *;q=0", "gzip"),
        ("*", "gzip"),
        ("br, identity;q=0.5, gzip;q=0.5", "gzip"),
        ("identity;q=0", ""),
        ("gzip;q=0", ""),
        ("gzip;q=0, *", ""),
        ("gzip;q=0.4, identity;q=0.5", ""),
        ("identity", ""),
        ("br", ""),
        ("gzip;q=much", ""),
        ("", ""),
    ],
)
def test_the_weights_decide(market: Market, accepted: str, coding: str) -> None:
    for target in (WHOLE.format("csv"), PAGE.format("csv")):
        assert _get(market, target, accepted).header("Content-Encoding") == coding


@pytest.mark.parametrize("query", ["", "&limit=10"])
def test_small_answers_stay_as_they_are(market: Market, query: str) -> None:
    target = f"/api/listings?fields=model{query}"
    plain, packed = _get(market, target), _get(market, target, "gzip")
    assert (packed.body, packed.header("ETag")) == (plain.body, plain.header("ETag"))
    assert packed.header("Content-Encoding") == ""
    assert "Accept-Encoding" in packed.header("Vary")


@pytest.mark.parametrize("target", [WHOLE.format("csv"), PAGE.format("csv")])
def test_who_has_either_form_gets_304_for_it(market: Market, target: str) -> None:
    plain, packed = (_get(market, target, coding).header("ETag") for coding in ("", "gzip"))
    for accepted, tags, tag in (
        ("", plain, plain),
        ("gzip", packed, packed),
        ("gzip", plain, plain),
        ("gzip", f"{plain}, W/{packed}", packed),
        ("", f"{packed}, {plain}", plain),
    ):
        answer = _get(market, target, accepted, If_None_Match=tags)
        assert (answer.status, answer.body, answer.header("ETag")) == (304, b"", tag)
        assert answer.header("Vary") == "Accept, Accept-Encoding"
    assert _get(market, target, "", If_None_Match=packed).status == 200, "it could not be read"


def test_kept_files_stay_as_they_are_kept(service: Service) -> None:
    csv = offers(*(f"L{number},1,1,,,2025-01-01" for number in range(100)))
    path = service.upload(csv).json["links"]["file"]
    answer = ask(service, path, headers={"Accept-Encoding": "gzip"})
    assert (answer.header("Content-Encoding"), answer.body) == ("", csv.encode())


def test_what_is_kept_of_one_form_is_not_sent_as_another(market: Market) -> None:
    target = f"{PAGE.format('json')}&sort=score"
    bodies = [_get(market, target, coding).body for coding in ("gzip", "", "gzip", "")]
    assert bodies[:2] == bodies[2:]
    assert gzip.decompress(bodies[0]) == bodies[1]
