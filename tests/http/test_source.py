"""`GET /api/listings/{listing_id}/source`: the bytes of a row in its kept file, verified before
they are sent."""

import gzip
import json
from typing import Any

import pytest
from webtest import TestResponse

from glyphd.contracts.gpu_listings import GPUListingDTO
from glyphd.db.archive_models import ScoredListing
from glyphd.storage.stores import SqliteListingStore
from tests.http.conftest import Market
from tests.http.test_listing import _roll_back_everything
from tests.importing.cases import CASES, FILES, TAKEN, send_case
from tests.service import Service, offers

ROW = "L4,2400,0.7,EU,Acme,2025-07-29"
FAR = offers(*(f"M{number},{number},1,,,2025-01-01" for number in range(60_000)))
"""More than is read at once."""


def _path(row: dict[str, Any], *, current: bool = False) -> str:
    return f"/api/listings/{row['listing_id']}/source" + (
        "" if current else f"?import_id={row['import_id']}"
    )


def _source(service: Service, row: dict[str, Any]) -> TestResponse:
    return service.http.get(_path(row))


def _only_source(service: Service, query: str = "") -> TestResponse:
    (row,) = service.listings(query)
    return _source(service, row)


def _refused(service: Service, status: int) -> dict[str, Any]:
    (row,) = service.listings()
    return service.refusal(_path(row), status)


@pytest.mark.parametrize("name", [name for name in TAKEN if CASES[name].get("listings")])
def test_every_row_of_every_case_is_the_bytes_at_its_place(name: str, service: Service) -> None:
    import_id = send_case(service, name).json["import_id"]
    service.work()
    file = FILES[name].read_bytes()
    unpacked = gzip.decompress(file) if file.startswith(b"\x1f\x8b") else file
    for row, (offset, length) in _places(service, import_id):
        assert _source(service, row).body == unpacked[offset : offset + length]


def _places(service: Service, import_id: str) -> list[tuple[dict[str, Any], tuple[int, int]]]:
    rows = service.listings(f"?import_id={import_id}")
    query = ScoredListing.select(ScoredListing.byte_offset, ScoredListing.byte_length)
    archive = service.services.archive
    with archive.connection_context():
        places = archive.execute(query.order_by(ScoredListing.import_index)).fetchall()
    return list(zip(rows, places, strict=True))


@pytest.mark.parametrize(
    ("csv", "query", "record", "charset"),
    [
        (offers(ROW), "", f"{ROW}\n", "utf-8"),
        (offers(ROW).rstrip("\n"), "", ROW, "utf-8"),
        ("\ufeff" + offers(ROW).replace("\n", "\r\n"), "", f"{ROW}\r\n", "utf-8"),
        (
            offers("", '"L4\n\nnew",1,1,,"a ""b"" c",'),
            "",
            '"L4\n\nnew",1,1,,"a ""b"" c",\n',
            "utf-8",
        ),
        (offers(ROW).replace(",", ";"), "", ROW.replace(",", ";") + "\n", "utf-8"),
        (offers("Größe,1,1,,,"), "?encoding=cp1252", "Größe,1,1,,,\n", "cp1252"),
        (offers("H100,x,1,,,", ROW, '"B",1'), "?on_error=skip", f"{ROW}\n", "utf-8"),
        ("_status,model,price_usd,score\nok,L4,1,1\n", "", "ok,L4,1,1\n", "utf-8"),
    ],
    ids=[
        "plain",
        "no line end",
        "BOM and CRLF",
        "quotes",
        "semicolons",
        "cp1252",
        "skipped",
        "ignored",
    ],
)
def test_it_is_the_record_as_it_stands_in_the_file(
    service: Service, csv: str, query: str, record: str, charset: str
) -> None:
    service.import_csv(csv.encode(charset), query)
    answer = _only_source(service)
    assert answer.body == record.encode(charset)
    assert answer.headers["Content-Type"] == f"text/csv; charset={charset}"


def test_of_gzip_it_is_unpacked_also_far_behind(service: Service) -> None:
    service.import_csv(gzip.compress(FAR.encode()), Content_Encoding="gzip")
    (row,) = service.listings("?model=M59999")
    assert _source(service, row).body == b"M59999,59999,1,,,2025-01-01\n"


@pytest.mark.every_way
def test_of_rows_sent_as_json_it_is_their_line(service: Service) -> None:
    rows = [
        {"model": "L4", "price": 1, "score": 1},
        {"model": "Größe", "price": 2, "score": 1, "nvlink": True},
    ]
    service.http.post_json("/api/persist/listings", rows)
    service.work()
    answer = _only_source(service, "?model=Größe")
    assert json.loads(answer.body) == rows[1]
    assert answer.headers["Content-Type"] == "application/x-ndjson"


@pytest.mark.every_way
def test_rows_that_are_equal_have_each_their_own(service: Service) -> None:
    status = service.import_csv(offers(ROW, f'"L4",{ROW[3:]}', f'{ROW[:-10]}"2025-07-29"'))
    found = [
        _source(service, row).text for row in service.listings(f"?import_id={status['import_id']}")
    ]
    assert found == [f"{ROW}\n", f'"L4",{ROW[3:]}\n', f'{ROW[:-10]}"2025-07-29"\n']


def test_a_row_without_a_time_is_proved_by_when_it_was_received(service: Service) -> None:
    service.import_csv(offers("L4,1,1,,,"))
    assert _only_source(service).text == "L4,1,1,,,\n"


@pytest.mark.every_way
def test_an_import_that_was_run_again_has_the_file_of_the_first(service: Service) -> None:
    failed = service.import_csv(offers("L4,1,1,,,", "L4,$,1,,,"))
    service.post(f"/api/imports/{failed['import_id']}/retry?on_error=skip", "", {})
    service.work()
    assert _only_source(service).text == "L4,1,1,,,\n"


def test_without_an_import_it_is_that_of_the_current_event(service: Service) -> None:
    later = service.import_csv(offers("L4,2,1,,,2025-01-02"))
    earlier = service.import_csv(offers("L4,1,1,,,2025-01-01"))
    (row,) = service.listings()
    answer = service.http.get(_path(row, current=True))
    assert (answer.text, row["import_id"]) == ("L4,2,1,,,2025-01-02\n", later["import_id"])
    assert (
        _source(service, row | {"import_id": earlier["import_id"]}).text == "L4,1,1,,,2025-01-01\n"
    )


def test_it_says_which_event_it_is_of_and_where_the_file_is(market: Market) -> None:
    row = market.service.listings()[0]
    answer = market.service.http.get(_path(row, current=True))
    assert answer.headers["Content-Location"] == _path(row)
    assert answer.headers["Link"] == f'</api/imports/{row["import_id"]}/file>; rel="via"'


def test_who_has_it_already_gets_304(market: Market) -> None:
    path = _path(market.service.listings()[0])
    etag = market.service.http.get(path).headers["ETag"]
    assert market.service.http.get(path, headers={"If-None-Match": etag}, status=304).body == b""


@pytest.mark.parametrize("listing_id", ["0" * 32, "x", "g" * 32])
def test_an_unknown_listing_is_404(market: Market, listing_id: str) -> None:
    for query in ("", f"?import_id={market.first}"):
        assert (
            market.service.refusal(f"/api/listings/{listing_id}/source{query}", 404)["code"]
            == "listing_not_found"
        )


def test_a_listing_that_the_import_did_not_bring_is_404(market: Market) -> None:
    (row,) = market.service.listings("?model=L40S")
    for import_id in (market.first, "nobody"):
        found = market.service.refusal(_path(row | {"import_id": import_id}), 404)
        assert found["code"] == "listing_not_in_import"


def test_a_listing_none_of_whose_events_counts_has_them_by_import(own_market: Market) -> None:
    row = own_market.service.listings()[0]
    _roll_back_everything(own_market.service)
    assert (
        own_market.service.refusal(_path(row, current=True), 404)["code"] == "listing_not_current"
    )
    assert _source(own_market.service, row).status_code == 200


def test_a_row_that_came_from_no_file_is_404(service: Service) -> None:
    store = SqliteListingStore(service.settings.archive_path)
    store.insert_listings([GPUListingDTO(model="L4", price_usd=1, score=1)], "mine")
    found = _refused(service, 404)
    assert (found["code"], found["import_id"]) == ("source_not_kept", "mine")


@pytest.mark.parametrize("parameter", ["fields", "format", "line", "import_ids"])
def test_what_it_does_not_know_is_refused(market: Market, parameter: str) -> None:
    path = _path(market.service.listings()[0], current=True)
    assert market.service.refusal(f"{path}?{parameter}=x")["parameter"] == parameter
