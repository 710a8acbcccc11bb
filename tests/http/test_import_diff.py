"""`GET /api/imports/{a}/diff/{b}`: listings added, removed and changed between two imports."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from glyphd.contracts.change_queries import DiffKind
from glyphd.contracts.parameter_reading import choices
from glyphd.history.import_diff import CHANGED_COLUMNS
from glyphd.storage.result_rows import RESULT_COLUMNS
from tests.service import Service, offers, start_in

KINDS = choices(DiffKind)
UNKNOWN = "550e8400-e29b-41d4-a716-446655440000"
OLD = offers(
    "Same,100,0.5,EU,a,2025-01-01",
    "Cheaper,0.3,0.5,EU,a,2025-01-01",
    "Gone,50,0.1,EU,a,2025-01-01",
    "Better,100,0.1,EU,a,2025-01-01",
    "Gone too,51,0.1,EU,a,2025-01-01",
    "Free,0,0.5,EU,a,2025-01-01",
)
NEW = offers(
    "Free,10,0.5,EU,a,2025-01-02",
    "New,1,0.5,EU,a,2025-01-02",
    "BETTER,100,0.3,EU,A,2025-01-02",
    "Same,100,0.5,EU,a,2025-01-02",
    "Same,100,0.5,EU,a,2025-01-02",
    "Cheaper,0.1,0.5,EU,a,2025-01-02",
)


@dataclass(frozen=True)
class Pair:
    """Two imports to compare."""

    service: Service
    old: str
    new: str

    @property
    def path(self) -> str:
        return f"/api/imports/{self.old}/diff/{self.new}"

    def get(self, query: str = "") -> Any:
        return self.service.http.get(f"{self.path}{query}").json

    def models(self, kind: str) -> list[str]:
        return [row["model"] for row in self.get(f"?kind={kind}")]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, initialised_folder: Path) -> Pair:
    service = start_in(tmp_path_factory.mktemp("pair") / "data", initialised_folder)
    old, new = (service.import_csv(csv)["import_id"] for csv in (OLD, NEW))
    service.import_csv(OLD)
    return Pair(service, old, new)


def test_without_a_kind_it_is_the_counts_and_where_the_lists_are(pair: Pair) -> None:
    assert pair.get() == {
        "a": pair.old,
        "b": pair.new,
        "added": 2,
        "removed": 2,
        "changed": 3,
        "unchanged": 1,
        "links": {"self": pair.path} | {kind: f"{pair.path}?kind={kind}" for kind in KINDS},
    }
    for kind in KINDS:
        assert len(pair.service.http.get(pair.get()["links"][kind]).json) == pair.get()[kind]


def test_lists_come_in_the_order_of_the_file(pair: Pair) -> None:
    assert pair.models("added") == ["New", "Same"]
    assert pair.models("removed") == ["Gone", "Gone too"]
    assert pair.models("changed") == ["Free", "BETTER", "Cheaper"]


def test_the_other_way_round_added_is_removed(pair: Pair) -> None:
    turned = Pair(pair.service, pair.new, pair.old)
    assert turned.get("?kind=added") == pair.get("?kind=removed")
    assert turned.get("?kind=removed") == pair.get("?kind=added")
    assert {name: turned.get()[name] for name in ("added", "removed", "changed", "unchanged")} == {
        "added": 2, "removed": 2, "changed": 3, "unchanged": 1,
    }  # fmt: skip


def test_an_import_does_not_differ_from_itself(pair: Pair) -> None:
    same = Pair(pair.service, pair.old, pair.old)
    assert same.get()["unchanged"] == 6
    assert [same.get(f"?kind={kind}") for kind in KINDS] == [[], [], []]


def test_added_and_removed_rows_are_those_of_the_import(pair: Pair) -> None:
    rows = {row["import_index"]: row for row in pair.service.listings(f"?import_id={pair.new}")}
    added = pair.get("?kind=added")
    assert added == [rows[2], rows[5]]
    assert tuple(added[0]) == RESULT_COLUMNS


def test_a_changed_row_has_old_and_new_and_exact_deltas(pair: Pair) -> None:
    free, better, cheaper = pair.get("?kind=changed")
    assert tuple(cheaper) == CHANGED_COLUMNS
    assert cheaper | {"listing_id": ""} == {
        "listing_id": "", "model": "Cheaper", "condition": None, "seller": "a", "region": "EU",
        "source_url": None,
        "old_price_usd": 0.3, "new_price_usd": 0.1, "price_delta": -0.2,
        "price_delta_pct": -66.666667,
        "old_score": 0.5, "new_score": 0.5, "score_delta": 0.0, "old_import_index": 2,
        "new_import_index": 6,
    }  # fmt: skip
    assert (better["price_delta"], better["score_delta"]) == (0.0, 0.2)
    assert (free["price_delta"], free["price_delta_pct"]) == (10.0, None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_pages_are_the_list(pair: Pair, kind: str, size: int) -> None:
    path = f"{pair.path}?kind={kind}"
    assert pair.service.walk(f"{path}&limit={size}") == pair.service.http.get(path).json


@pytest.mark.parametrize("kind", KINDS)
def test_formats(pair: Pair, kind: str) -> None:
    rows = pair.get(f"?kind={kind}")
    lines = pair.service.http.get(f"{pair.path}?kind={kind}&format=csv").text.splitlines()
    assert (lines[0], len(lines)) == (",".join(rows[0]), len(rows) + 1)
    ndjson = pair.service.http.get(
        f"{pair.path}?kind={kind}", headers={"Accept": "application/x-ndjson"}
    )
    assert ndjson.text.count("\n") == len(rows)


def test_columns_are_chosen(pair: Pair) -> None:
    assert pair.get("?kind=removed&fields=price_usd,model")[0] == {
        "price_usd": 50.0,
        "model": "Gone",
    }
    assert pair.get("?kind=changed&fields=score_delta")[1] == {"score_delta": 0.2}


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("?kind=other", "kind"),
        ("?kind=changed&fields=price_usd", "fields"),
        ("?kind=added&fields=old_price_usd", "fields"),
        ("?limit=1", "limit"),
        ("?format=csv", "format"),
        ("?fields=model", "fields"),
        ("?kind=added&cursor=x", "cursor"),
    ],
)
def test_bad_values_are_refused(pair: Pair, query: str, parameter: str) -> None:
    found = pair.service.refusal(f"{pair.path}{query}")
    assert (found["code"], found["parameter"]) == ("invalid_parameter", parameter)


def test_a_cursor_belongs_to_its_list(pair: Pair) -> None:
    link = pair.service.http.get(f"{pair.path}?kind=added&limit=1").headers["Link"]
    cursor = link.partition("cursor=")[2].partition(">")[0]
    for path in (
        f"{pair.path}?kind=changed",
        f"/api/imports/{pair.old}/diff/{pair.old}?kind=added",
    ):
        assert pair.service.refusal(f"{path}&limit=1&cursor={cursor}")["code"] == "invalid_cursor"


@pytest.mark.parametrize("unknown", [UNKNOWN, "x", "%00"])
def test_an_unknown_import_is_404(pair: Pair, unknown: str) -> None:
    for a, b in ((unknown, pair.new), (pair.old, unknown)):
        assert pair.service.refusal(f"/api/imports/{a}/diff/{b}", 404)["code"] == "import_not_found"


def test_an_import_that_brought_nothing_is_409(service: Service) -> None:
    good = service.import_csv(OLD)["import_id"]
    failed = service.import_csv(offers("L4,x,1,,,2025-01-01"))["import_id"]
    dry = service.import_csv(OLD, "?dry_run=true")["import_id"]
    queued = service.upload(OLD).json["import_id"]
    for import_id, status in ((failed, "failed"), (dry, "succeeded"), (queued, "queued")):
        found = service.refusal(f"/api/imports/{good}/diff/{import_id}", 409)
        assert (found["code"], found["import_id"], found["import_status"]) == (
            "import_not_succeeded",
            import_id,
            status,
        )


@pytest.mark.parametrize("query", ["", "?kind=changed", "?kind=added&limit=1"])
def test_who_has_it_already_gets_304(pair: Pair, query: str) -> None:
    etag = pair.service.http.get(f"{pair.path}{query}").headers["ETag"]
    answer = pair.service.http.get(
        f"{pair.path}{query}", headers={"If-None-Match": etag}, status=304
    )
    assert answer.body == b""
