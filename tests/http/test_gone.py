"""What a complete file no longer lists is gone: options, safeguards, and the views that omit it."""

from typing import Any

import pytest

from tests.service import Service, problem

HEADER = "model,price_usd,score,seller,source_url,seen_at"
COMPLETE = "?source=feed&complete=true"


def _file(day: int, *numbers: int, price: float = 100) -> str:
    rows = (
        f"L4,{price},0.5,Shop {number},https://shop.example/{number},2025-07-{day:02}"
        for number in numbers
    )
    return "\n".join([HEADER, *rows]) + "\n"


def _moment(day: int) -> str:
    return f"2025-07-{day:02}T00:00:00.000000Z"


def _offers(service: Service, query: str = "") -> set[int]:
    """The numbers of the listed offers."""
    rows = service.listings(query)
    return {int(row["seller"].removeprefix("Shop ")) for row in rows}


def _gone(service: Service, query: str = "") -> dict[int, str]:
    """The time since which each offer is gone."""
    rows = service.listings(f"?gone=only{query}")
    return {int(row["seller"].removeprefix("Shop ")): row["gone_at"] for row in rows}


@pytest.mark.every_way
def test_what_a_complete_file_does_not_list_is_gone_since_its_newest_observation(
    service: Service,
) -> None:
    service.import_csv(_file(1, 1, 2, 3), COMPLETE)
    service.import_csv(_file(1, 8), "?source=other")
    service.import_csv(_file(2, 2, 3), COMPLETE)
    assert _offers(service) == {2, 3, 8}
    assert _gone(service) == {1: _moment(2)}
    assert _offers(service, "?gone=include") == {1, 2, 3, 8}
    assert _offers(service, "?history=true") == {1, 2, 3, 8}
    assert {row["gone_at"] for row in service.listings()} == {None}


@pytest.mark.every_way
def test_a_listing_comes_back_by_being_listed_again(service: Service) -> None:
    for day, numbers in ((1, (1, 2)), (2, (2,))):
        service.import_csv(_file(day, *numbers), COMPLETE)
    service.import_csv(_file(3, 1), "?source=FEED")
    assert _offers(service) == {1, 2}
    service.import_csv(_file(4, 2), COMPLETE)
    assert _gone(service) == {1: _moment(4)}


@pytest.mark.every_way
def test_an_older_complete_file_that_comes_late_makes_nothing_newer_gone(service: Service) -> None:
    service.import_csv(_file(3, 1, 2), COMPLETE)
    service.import_csv(_file(2, 2, 3), COMPLETE)
    assert _offers(service) == {1, 2}
    assert _gone(service) == {3: _moment(3)}


def test_a_complete_file_lists_what_it_lists_even_if_a_later_row_is_the_current_one(
    service: Service,
) -> None:
    """The current event is newer than the listing's row in the complete file, but older than the
    moment of that file."""
    old, new = _file(1, 1).splitlines()[1], _file(5, 2).splitlines()[1]
    service.import_csv("\n".join([HEADER, old, new]) + "\n", COMPLETE)
    service.import_csv(_file(3, 1), "?source=feed")
    assert _offers(service) == {1, 2}


def test_an_offer_that_another_source_saw_last_is_not_gone(service: Service) -> None:
    service.import_csv(_file(1, 1, 2), COMPLETE)
    service.import_csv(_file(2, 1), "?source=other")
    service.import_csv(_file(3, 2), COMPLETE)
    assert _offers(service) == {1, 2}


@pytest.mark.every_way
def test_rollback_restore_and_as_of_agree(service: Service) -> None:
    first = service.import_csv(_file(1, 1, 2), COMPLETE)
    second = service.import_csv(_file(2, 2), COMPLETE)
    moments = [service.status(one["import_id"])["imported_at"] for one in (first, second)]
    service.http.post(f"/api/imports/{second['import_id']}/rollback")
    service.work()
    moments.append(service.changes()[-1].changed_at)
    assert _offers(service) == {1, 2}
    service.http.post(f"/api/imports/{second['import_id']}/restore")
    service.work()
    assert _offers(service) == {2}
    assert [_gone(service, f"&as_of={moment}") for moment in moments] == [{}, {1: _moment(2)}, {}]
    assert [_offers(service, f"?as_of={moment}") for moment in moments] == [{1, 2}, {2}, {1, 2}]


@pytest.mark.every_way
def test_a_header_alone_is_a_complete_empty_file_for_the_moment_of_its_receipt(
    service: Service,
) -> None:
    service.import_csv(_file(1, 1, 2), COMPLETE)
    service.import_csv(_file(1, 8), "?source=other")
    refused = service.import_csv(f"{HEADER}\n", COMPLETE)
    assert (refused["status"], refused["error"]["code"]) == ("failed", "fewer_rows")
    empty = service.import_csv(f"{HEADER}\n", f"{COMPLETE}&allow_shrink=true")
    assert (empty["status"], empty["record_count"], empty["summary"]) == ("succeeded", 0, None)
    assert _offers(service) == {8}
    assert _gone(service) == dict.fromkeys((1, 2), empty["received_at"])
    assert _offers(service, f"?as_of={empty['imported_at']}") == {8}
    service.import_csv(_file(3, 5), COMPLETE)
    assert _gone(service) == dict.fromkeys((1, 2, 5), empty["received_at"])


def test_an_empty_list_of_rows_is_one_too(service: Service) -> None:
    rows = [{"model": "L4", "price_usd": 1, "score": 1}]
    path = "/api/persist/listings?source=feed&complete=true"
    with service.live_worker():
        service.http.post_json(path, rows)
        assert len(service.listings()) == 1
        service.http.post_json(f"{path}&allow_shrink=true", [])
        assert service.listings() == []
    assert problem(service.http.post_json("/api/persist/listings?source=feed", [], status=422))


@pytest.mark.parametrize("dry_run", ["", "&dry_run=true"])
def test_a_file_with_less_than_half_of_the_rows_fails_unless_that_is_allowed(
    service: Service, dry_run: str
) -> None:
    service.import_csv(_file(1, 1, 2, 3, 4, 5), "?source=feed")
    failed = service.import_csv(_file(2, 1, 2), COMPLETE + dry_run)
    assert failed["error"] == {
        "code": "fewer_rows",
        "message": "the file was sent as complete, but has 2 rows, and the source's last import, "
        f"{service.http.get('/api/imports').json[-1]['import_id']}, had 5: if so many offers are "
        "gone, send it with allow_shrink=true",
    }
    assert _offers(service) == {1, 2, 3, 4, 5}
    again = service.http.post(f"/api/imports/{failed['import_id']}/retry?allow_shrink=true").json
    service.work()
    done = service.status(again["import_id"])
    assert (done["status"], done["complete"], done["allow_shrink"]) == ("succeeded", True, True)
    shorter = service.import_csv(_file(3, 1), COMPLETE)  # half of two rows is enough
    assert shorter["status"] == ("failed" if dry_run else "succeeded")


def test_the_answer_to_who_waits_for_such_a_file_is_422(service: Service) -> None:
    service.import_csv(_file(1, 1, 2, 3), COMPLETE)
    with service.live_worker():
        waiting = {"Content-Type": "text/csv", "Prefer": "wait=10"}
        answer = service.post(f"/api/import{COMPLETE}", _file(2, 1), waiting, status=422)
    assert problem(answer)["code"] == "fewer_rows"


@pytest.mark.parametrize(
    ("query", "parameter"),
    [("?complete=true", "source"), (f"{COMPLETE}&on_error=skip", "on_error")],
)
def test_a_complete_file_names_its_source_and_leaves_no_row_out(
    service: Service, query: str, parameter: str
) -> None:
    answer = service.http.post(
        f"/api/import{query}", _file(1, 1), headers={"Content-Type": "text/csv"}, status=400
    )
    assert problem(answer)["parameter"] == parameter
    assert service.kept() == []


def test_the_options_are_fields_of_a_form_in_any_order(service: Service) -> None:
    service.import_csv(_file(1, 1, 2), COMPLETE)
    fields = {"complete": "true", "on_error": "abort"}
    files = [("file", "offers.csv", _file(2, 2).encode())]
    sent = service.http.post("/api/import", fields | {"source": "feed"}, upload_files=files)
    service.work()
    assert service.status(sent.json["import_id"])["complete"] is True
    assert _offers(service) == {2}


def test_an_idempotency_key_belongs_to_the_options_too(service: Service) -> None:
    service.upload(_file(1, 1), "?source=feed", Idempotency_Key="once")
    answer = service.post(
        f"/api/import{COMPLETE}",
        _file(1, 1),
        {"Content-Type": "text/csv", "Idempotency-Key": "once"},
        status=409,
    )
    assert problem(answer)["differs"] == ["complete"]


def test_the_manifest_keeps_the_options(service: Service) -> None:
    sent = service.import_csv(_file(1, 1), COMPLETE)
    kept: dict[str, Any] = service.manifest(sent["import_id"])
    assert (kept["complete"], kept["allow_shrink"]) == (True, None)


def test_models_leave_gone_listings_out_unless_asked(service: Service) -> None:
    service.import_csv(_file(1, 1, 2, price=50), COMPLETE)
    service.import_csv(_file(2, 2, price=70), COMPLETE)

    def numbers(query: str) -> tuple[int, float]:
        (row,) = service.http.get(f"/api/models{query}").json
        one = service.http.get(f"/api/models/L4{query}").json
        assert one == row
        return row["listing_count"], row["min_price"]

    assert numbers("") == (1, 70)
    assert numbers("?gone=include") == (2, 50)
    assert numbers("?gone=only") == (1, 50)


def test_a_single_listing_is_still_found_and_says_since_when_it_is_gone(service: Service) -> None:
    service.import_csv(_file(1, 1, 2), COMPLETE)
    service.import_csv(_file(2, 2), COMPLETE)
    (row,) = service.listings("?gone=only")
    assert service.http.get(f"/api/listings/{row['listing_id']}").json == row
    source = service.http.get(f"/api/listings/{row['listing_id']}/source").text
    assert source.startswith("L4,100,0.5,Shop 1,")


def test_the_rows_of_an_import_say_since_when_they_are_gone(service: Service) -> None:
    first = service.import_csv(_file(1, 1, 2), COMPLETE)
    service.import_csv(_file(2, 2), COMPLETE)
    rows = service.listings(f"?import_id={first['import_id']}")
    assert [row["gone_at"] for row in rows] == [_moment(2), None]


@pytest.mark.every_way
def test_counts_pages_and_cursors_leave_gone_listings_out(service: Service) -> None:
    service.import_csv(_file(1, *range(10)), COMPLETE)
    service.import_csv(_file(2, *range(5, 10)), COMPLETE)
    assert service.http.get("/api/listings?limit=2&count=exact").headers["X-Total-Count"] == "5"
    for sort in ("seen_at", "-price_usd", "model"):
        rows = service.walk(f"/api/listings?limit=2&sort={sort}")
        assert sorted(row["seller"] for row in rows) == [f"Shop {n}" for n in range(5, 10)]
    page = service.http.get("/api/listings?limit=2&gone=only&count=exact")
    assert (len(page.json), page.headers["X-Total-Count"]) == (2, "5")


@pytest.mark.every_way
def test_what_was_seen_within_some_hours_of_the_newest_observation_of_its_source(
    service: Service,
) -> None:
    for day, number in ((1, 1), (2, 2), (4, 3)):
        service.import_csv(_file(day, number), "?source=feed")
    late = service.import_csv(_file(1, 8), "?source=other")
    assert _offers(service, "?seen_within=48h") == {2, 3, 8}
    assert _offers(service, "?seen_within=2d&seller=shop 3&limit=5") == {3}
    assert _offers(service, "?seen_within=47h") == {3, 8}
    service.http.post(f"/api/imports/{late['import_id']}/rollback")
    service.work()
    assert _offers(service, "?seen_within=99999d") == {1, 2, 3}
    assert _offers(service, f"?seen_within=24h&as_of={late['imported_at']}") == set()
    assert service.refusal("/api/listings?seen_within=2w")["parameter"] == "seen_within"
