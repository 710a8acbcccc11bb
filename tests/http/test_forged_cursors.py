"""An invented cursor is refused, or is a position like any other; it never gets further."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from hypothesis import given, settings, strategies as st
from webtest import TestResponse

from tests.service import Service, next_page, offers

LISTS = [
    "/api/listings",
    "/api/listings?sort=price_usd",
    "/api/listings?sort=-score",
    "/api/listings?sort=model",
    "/api/listings?history=true",
    "/api/imports",
    "/api/models",
    "/api/models/L4/history",
    "/api/forecast/deltas",
    "/api/imports/{second}/diff/{first}?kind=changed",
    "/api/imports/{failed}/errors",
]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.integers(0, 300),
    st.floats(),
    st.text(),
    st.lists(st.integers(), max_size=2),
)
DAYS = ("2025-01-01", "2025-01-02")


@pytest.fixture(scope="module")
def ids(shared_service: Service) -> dict[str, str]:
    """Imports that give each list a second page."""
    first, second = (
        shared_service.import_csv(
            offers(*(f"{model},{price},1,,a,{day}" for model in ("L4", "T4", "A2")))
        )
        for price, day in zip((100, 200), DAYS, strict=True)
    )
    failed = shared_service.import_csv(offers(*["L4,x,1,,,2025-01-01"] * 5))
    return {
        "first": first["import_id"],
        "second": second["import_id"],
        "failed": failed["import_id"],
    }


@pytest.mark.parametrize("path", LISTS)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_other_values_in_a_real_cursor(
    shared_service: Service, ids: dict[str, str], path: str, data: Any
) -> None:
    path = path.format(**ids)
    link = next_page(_page(shared_service, path))
    cursor = parse_qs(urlsplit(link).query)["cursor"][0]
    made_for, *position = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    kept = st.sampled_from(position)
    forged = data.draw(st.lists(VALUES | kept, min_size=len(position), max_size=len(position)))
    _require_an_answer(_page(shared_service, path, json.dumps([made_for, *forged]).encode()))


@pytest.mark.parametrize("path", LISTS)
@given(raw=st.binary(max_size=40))
@settings(max_examples=20, deadline=None)
def test_any_bytes(shared_service: Service, ids: dict[str, str], path: str, raw: bytes) -> None:
    answer = _page(shared_service, path.format(**ids), raw or b"x")
    assert (answer.status_int, answer.json["parameter"]) == (400, "cursor")


@pytest.mark.parametrize("offset", [1, 7, 10**6, 2**63 - 1])
def test_an_offset_within_an_error_is_refused(
    shared_service: Service, ids: dict[str, str], offset: int
) -> None:
    path = "/api/imports/{failed}/errors".format(**ids)
    cursor = parse_qs(urlsplit(next_page(_page(shared_service, path))).query)["cursor"][0]
    made_for, _ = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    answer = _page(shared_service, path, json.dumps([made_for, offset]).encode())
    assert (answer.status_int, answer.json["code"], answer.json["parameter"]) == (
        400,
        "invalid_cursor",
        "cursor",
    )


def _page(service: Service, path: str, cursor: bytes | None = None) -> TestResponse:
    given = (
        "" if cursor is None else f"&cursor={quote(urlsafe_b64encode(cursor).decode().rstrip('='))}"
    )
    return service.http.get(
        f"{path}{'&' if '?' in path else '?'}limit=1{given}", expect_errors=True
    )


def _require_an_answer(answer: TestResponse) -> None:
    assert answer.status_int in (200, 400), answer.text
    if answer.status_int == 400:
        assert answer.json["parameter"] == "cursor"
