"""A token that can only import for one source."""

import pytest

from tests.service import Service, problem
from tests.tokens import CSV, bearer, change_as, code_of, get_as, new_key, upload_as


@pytest.fixture
def foreign(service: Service) -> str:
    """The id of an import of another source, made before the token."""
    return str(service.import_csv(CSV, "?source=daily")["import_id"])


@pytest.fixture
def feed(service: Service, foreign: str) -> str:
    """The token; there is also an import of another source."""
    return new_key(service, "feed", "write", source="Weekly")


def test_it_imports_as_that_source_without_saying_so(service: Service, feed: str) -> None:
    assert upload_as(service, feed).json["source"] == "Weekly"
    form = service.http.post(
        "/api/import", upload_files=[("file", "a.csv", CSV.encode())], headers=bearer(feed)
    )
    rows = [{"model": "L4", "price_usd": 2400, "score": 0.7}]
    persisted = service.http.post_json("/api/persist/listings", rows, headers=bearer(feed))
    assert (form.json["source"], persisted.json["source"]) == ("Weekly", "Weekly")


def test_it_may_name_it_in_any_case(service: Service, feed: str) -> None:
    assert upload_as(service, feed, "?source=weekly").json["source"] == "Weekly"


@pytest.mark.parametrize("source", ["daily", "Weekly2", "w%C3%A9ekly"])
def test_it_can_not_import_as_another(service: Service, feed: str, source: str) -> None:
    before = service.kept()
    assert code_of(upload_as(service, feed, f"?source={source}")) == (403, "insufficient_scope")
    form = service.http.post(
        "/api/import",
        {"source": "daily"},
        upload_files=[("file", "a.csv", CSV.encode())],
        headers=bearer(feed),
        status=403,
    )
    assert problem(form)["source"] == "Weekly"
    assert service.kept() == before


def test_it_works_with_its_own_imports_alone(service: Service, feed: str, foreign: str) -> None:
    own = upload_as(service, feed).json["import_id"]
    service.work()
    for path in ("", "/errors", "/file", "/report.csv"):
        assert get_as(service, f"/api/imports/{own}{path}", **bearer(feed)).status_code == 200
        other = get_as(service, f"/api/imports/{foreign}{path}", **bearer(feed))
        assert code_of(other) == (403, "insufficient_scope")
    for action in ("rollback", "restore", "cancel", "retry"):
        path = f"/api/imports/{foreign}/{action}"
        assert code_of(change_as(service, feed, path)) == (403, "insufficient_scope")
    rolled_back = change_as(service, feed, f"/api/imports/{own}/rollback")
    assert rolled_back.status_code in (200, 202)


def test_a_retry_does_not_lead_to_another_source(service: Service, feed: str) -> None:
    own = upload_as(service, feed, "?dry_run=true").json["import_id"]
    service.work()
    path = f"/api/imports/{own}/retry"
    assert code_of(change_as(service, feed, f"{path}?source=daily")) == (403, "insufficient_scope")
    assert change_as(service, feed, path).json["source"] == "Weekly"


def test_its_list_has_its_imports_alone(service: Service, feed: str) -> None:
    own = upload_as(service, feed).json["import_id"]
    listed = get_as(service, "/api/imports", **bearer(feed)).json
    assert [one["import_id"] for one in listed] == [own]
    other = get_as(service, "/api/imports?source=daily", **bearer(feed))
    assert code_of(other) == (403, "insufficient_scope")


def test_the_market_is_not_its_business(service: Service, feed: str) -> None:
    answer = get_as(service, **bearer(feed))
    assert code_of(answer) == (403, "insufficient_scope")
    assert "Weekly" in problem(answer)["detail"]
