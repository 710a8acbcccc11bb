"""The real files of the pipeline that feeds glyphd, in every form of sending them.

The two smallest are in `tests/data/real`; the others are tested if `shared/data` exists, in the
checkout or next to it.
"""

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from tests.http.forms import every_form
from tests.service import Service, problem

ROOT = Path(__file__).parents[2]
FOLDERS = (
    ROOT / "tests" / "data" / "real",
    ROOT / "shared" / "data",
    ROOT.parent / "shared" / "data",
)
FORMS = list(every_form(b""))
ENRICHED = "glyphsieve_scored_173.csv"
SCORED = {
    ENRICHED: 173,
    "scored_20.csv": 20,
    "scored_minimal_5.csv": 5,
}
OFFERS = {ENRICHED: 162}
"""The number of offers in files whose rows repeat others."""

IGNORED = {
    ENRICHED: [
        "model",
        "listing_age",
        "bulk_notes",
        "match_type",
        "match_score",
        "notes",
        "warnings",
        "quantization_capacity",
    ],
    "scored_20.csv": ["quantization_capable"],
    "scored_minimal_5.csv": [],
}
MISSING = {
    "scraped_l4_unscored.csv": "score",
    "pipeline_scores_without_price.csv": "price_usd",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", SCORED)
def test_a_scored_file_is_imported_however_it_is_sent(
    name: str, form: str, service: Service
) -> None:
    answer = every_form(_bytes(name))[form].to(service, status=202)
    service.work()
    status = service.status(answer.json["import_id"])
    assert (status["status"], status["error"], status["error_count"]) == ("succeeded", None, 0)
    assert (status["record_count"], status["ignored_columns"]) == (SCORED[name], IGNORED[name])
    listings = service.listings(f"?import_id={status['import_id']}")
    assert [row["import_index"] for row in listings] == list(range(1, SCORED[name] + 1))
    assert [(row["model"], row["price_usd"], row["score"]) for row in listings] == [
        _said(row) for row in _rows(name)
    ]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", MISSING)
def test_an_unscored_or_unpriced_file_is_refused_however_it_is_sent(
    name: str, form: str, service: Service
) -> None:
    found = problem(every_form(_bytes(name))[form].to(service, status=422))
    assert (found["code"], found["missing"]) == ("file_refused", [MISSING[name]])
    assert service.kept() == []


def test_every_enriched_row_comes_back_as_the_file_has_it(service: Service) -> None:
    status = service.import_csv(_bytes(ENRICHED))
    found = service.listings(f"?import_id={status['import_id']}")
    for row, sent in zip(found, _rows(ENRICHED), strict=True):
        assert row == row | _enriched(sent)


@pytest.mark.parametrize("name", SCORED)
def test_the_same_file_again_updates_its_listings(name: str, service: Service) -> None:
    first, second = (service.import_csv(_bytes(name))["import_id"] for _ in range(2))
    assert first != second
    assert len(service.listings(f"?import_id={first}")) == SCORED[name]
    assert len(service.listings(f"?import_id={second}")) == SCORED[name]
    assert [row["import_id"] for row in service.listings()] == [second] * OFFERS.get(
        name, SCORED[name]
    )


def _bytes(name: str) -> bytes:
    for folder in FOLDERS:
        if (folder / name).exists():
            return (folder / name).read_bytes()
    pytest.skip(f"shared/data with {name} is not at hand")


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(_bytes(name).decode(), newline="")))


def _said(sent: dict[str, str]) -> tuple[str, float, float]:
    return (
        sent["canonical_model"],
        float(sent["price"]),
        float(sent.get("final_score") or sent["score"]),
    )


def _enriched(sent: dict[str, str]) -> dict[str, Any]:
    """The expected row for a row of the enriched file, column by column."""
    is_counted = sent["quantity"].replace(".", "").isdecimal()
    texts = (
        "condition",
        "seller",
        "source_url",
        "source_type",
        "title",
        "form_factor",
        "generation",
    )
    capacities = {
        f"quantization_capacity_{size}": sent[f"quantization_capacity.{size}"]
        for size in ("7b", "13b", "70b")
    }
    integers = {
        "vram_gb": sent["vram_gb"],
        "tdp_watts": sent["tdp_w"],
        "cuda_cores": sent["cuda_cores"],
        **capacities,
    }
    return {
        **{name: sent[name].strip() or None for name in texts},
        **{name: int(float(text)) if text else None for name, text in integers.items()},
        "region": sent["geographic_region"] or None,
        "mig_capable": int(float(sent["mig_capable"])),
        "slot_width": float(sent["slots"]),
        "nvlink": sent["nvlink"] == "True",
        "quantity": int(float(sent["quantity"])) if is_counted else None,
        "availability": None if is_counted else sent["quantity"] or None,
    }


def test_a_row_less_or_another_order_moves_no_price(service: Service) -> None:
    """29 of the 173 rows share their identity with another row."""
    header, *rows = _bytes(ENRICHED).decode().splitlines(keepends=True)
    whole = service.import_csv(header + "".join(rows), "?source=pipeline")["import_id"]
    others = [rows[:at] + rows[at + 1 :] for at in range(len(rows))]
    for other in (*others, rows[::-1]):
        status = service.import_csv(header + "".join(other), "?source=pipeline")
        assert status["effect"]["changed"] == 0
        counts = service.http.get(f"/api/imports/{whole}/diff/{status['import_id']}").json
        assert (counts["changed"], counts["added"]) == (0, 0)
        assert counts["removed"] <= len(rows) - len(other)
    assert service.http.get("/api/deltas").json == []
