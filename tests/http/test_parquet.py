"""Lists as Parquet: the same values as in JSON, in typed columns."""

import io
import json
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from webtest import TestResponse

from glyphd.listings import parquet
from tests.http.conftest import Market
from tests.service import Service, offers, problem

PARQUET = "application/vnd.apache.parquet"
TIME = pa.timestamp("us", tz="UTC")
LISTS = (
    "/api/listings",
    "/api/listings?fields=model,heuristics,extra,nvlink,seen_at",
    "/api/listings?limit=2",
    "/api/listings/{listing}/history",
    "/api/deltas",
    "/api/imports/{first}/diff/{second}?kind=changed",
    "/api/imports/{first}/diff/{second}?kind=added",
    "/api/models",
    "/api/models/RTX_A6000/history",
    "/api/imports",
    "/api/imports/{failed}/errors",
    "/api/events",
)


@pytest.fixture(scope="module")
def moved(shared_service: Service) -> dict[str, str]:
    """Two imports between which a price changed, and one that failed."""
    head = "model,price_usd,score,seller,source_url,seen_at,nvlink,vram_gb,heuristics,Note\n"
    row = 'RTX_A6000,{},0.8,Acme,https://example.com/1,2025-07-{},true,48,"{{""a"": [1, 2.5]}}",x\n'
    files = [head + row.format(4500, "01"), head + row.format(4200, "02") + "L4,1,1,,,,,,,\n"]
    first, second = (shared_service.import_csv(file)["import_id"] for file in files)
    failed = shared_service.import_csv(head + "L4,$,1,,,,,,,\n")["import_id"]
    listing = shared_service.listings("?model=RTX_A6000")[0]["listing_id"]
    return {"first": first, "second": second, "failed": failed, "listing": listing}


def _table(answer: TestResponse) -> pa.Table:
    assert answer.content_type == PARQUET
    return pq.read_table(io.BytesIO(answer.body))


def _plain(value: Any) -> Any:
    """The value as in JSON."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return value.isoformat() if isinstance(value, date) else value


@pytest.mark.parametrize("path", LISTS)
def test_it_says_what_json_says(shared_service: Service, moved: dict[str, str], path: str) -> None:
    target = path.format(**moved)
    rows = shared_service.http.get(target).json
    sign = "&" if "?" in target else "?"
    table = _table(shared_service.http.get(f"{target}{sign}format=parquet"))
    assert rows, "nothing would be compared"
    assert table.column_names == list(rows[0])
    for row, found in zip(rows, table.to_pylist(), strict=True):
        for name, value in row.items():
            stored = found[name]
            if isinstance(value, dict | list) or (name == "effect" and value is None):
                stored = None if stored is None else json.loads(stored)
            assert _plain(stored) == value, name


def test_the_columns_have_types(market: Market) -> None:
    schema = _table(market.service.http.get("/api/listings?format=parquet")).schema
    expected = {
        pa.string(): ("model", "heuristics", "listing_id", "import_id", "source"),
        pa.int64(): ("quantity", "vram_gb", "mig_capable", "line", "import_index"),
        pa.float64(): ("price_usd", "score", "slot_width"),
        pa.bool_(): ("nvlink",),
        TIME: ("seen_at", "first_seen_at", "imported_at", "rolled_back_at", "gone_at"),
    }
    for kind, names in expected.items():
        assert {name: schema.field(name).type for name in names} == dict.fromkeys(names, kind)


def test_a_bucket_is_a_date(market: Market) -> None:
    table = _table(market.service.http.get("/api/models/L4/history?format=parquet"))
    assert table.schema.field("bucket").type == pa.date32()


def test_nothing_has_its_columns_all_the_same(market: Market) -> None:
    table = _table(market.service.http.get("/api/listings?model=none&format=parquet"))
    assert (table.num_rows, table.schema.field("seen_at").type) == (0, TIME)


def test_the_accept_header_may_ask_for_it(market: Market) -> None:
    assert _table(market.service.http.get("/api/models", headers={"Accept": PARQUET})).num_rows == 4


def test_it_is_never_packed_again(market: Market) -> None:
    for query in ("", "&limit=100"):
        answer = market.service.http.get(
            f"/api/listings?format=parquet{query}", headers={"Accept-Encoding": "gzip"}
        )
        assert "Content-Encoding" not in answer.headers
        assert _table(answer).num_rows == 6


def test_its_parts_make_the_whole(market: Market) -> None:
    http, path = market.service.http, "/api/listings?format=parquet"
    whole = http.get(path).body
    parts = [
        http.get(path, headers={"Range": asked}, status=206).body
        for asked in ("bytes=0-999", "bytes=1000-")
    ]
    assert b"".join(parts) == whole


def test_row_groups_are_bounded(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "GROUP_BYTES", 100_000)
    service.import_csv(offers(*(f"L{number},1,1,,,2025-01-01" for number in range(5000))))
    answer = service.http.get("/api/listings?format=parquet")
    file = pq.ParquetFile(io.BytesIO(answer.body))
    assert file.num_row_groups == 5
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    assert file.metadata.num_rows == 5000


def test_without_the_extra_it_is_501(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "is_installed", lambda: False)
    http = market.service.http
    for query, accept in (("?format=parquet", "*/*"), ("", PARQUET), ("?limit=1", PARQUET)):
        found = problem(http.get(f"/api/listings{query}", headers={"Accept": accept}, status=501))
        assert (found["code"], found["extra"]) == ("format_not_installed", "parquet")
        assert "glyphd[parquet]" in found["detail"]
    other = http.get("/api/listings", headers={"Accept": f"{PARQUET}, text/csv;q=0.5"})
    assert other.content_type == "text/csv"
