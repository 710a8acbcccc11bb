"""`GET /api/schema`, `/api/schema/versions` and `/api/schema.csv`: the published row contract."""

from typing import Any

import pytest

from glyphd.contracts.column_names import ALIASES
from glyphd.contracts.columns import COLUMN_NAMES, ROW_SCHEMA_VERSION, STORED_COLUMNS
from tests.service import Service

FIRST_COLUMNS = (
    "model,price_usd,condition,quantity,availability,min_order_qty,"
    "seller,region,vram_gb,mig_capable,tdp_watts,"
    "cuda_cores,slot_width,pcie_generation,nvlink,generation,form_factor,quantization_capacity_7b,"
    "quantization_capacity_13b,quantization_capacity_70b,"
    "score,heuristics,seen_at,source_url,source_type,title"
)


@pytest.fixture
def published(service: Service) -> dict[str, Any]:
    found: dict[str, Any] = service.http.get("/api/schema").json
    return found


def test_it_lists_the_columns_in_order(published: dict[str, Any]) -> None:
    assert published["columns"] == [*COLUMN_NAMES, "extra"]
    assert ",".join(published["columns"]).startswith(f"{FIRST_COLUMNS},")
    assert published["required"] == ["model", "price_usd", "score"]
    assert published["schema_version"] == ROW_SCHEMA_VERSION


def test_it_has_the_alias_table(published: dict[str, Any]) -> None:
    assert published["aliases"] == ALIASES
    assert set(published["aliases"].values()) <= set(published["columns"])


def test_its_json_schema_describes_every_column(published: dict[str, Any]) -> None:
    schema = published["json_schema"]
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert tuple(schema["properties"]) == STORED_COLUMNS
    assert schema["required"] == published["required"]
    assert all(column["description"] for column in schema["properties"].values())


@pytest.mark.parametrize(
    ("column", "rule"),
    [
        ("model", {"type": "string", "minLength": 1, "maxLength": 200}),
        ("price_usd", {"type": "number", "minimum": 0}),
        ("quantity", {"type": ["integer", "null"], "minimum": 0, "maximum": 2**63 - 1}),
        ("min_order_qty", {"type": ["integer", "null"], "minimum": 0}),
        ("mig_capable", {"type": ["integer", "null"], "minimum": 0, "maximum": 7}),
        ("slot_width", {"type": ["number", "null"], "exclusiveMinimum": 0}),
        ("nvlink", {"type": ["boolean", "null"]}),
        ("score", {"type": "number"}),
        ("seen_at", {"type": ["string", "null"], "format": "date-time"}),
        ("source_url", {"type": ["string", "null"], "maxLength": 2000}),
        ("title", {"type": ["string", "null"], "maxLength": 1000}),
        ("extra", {"type": ["object", "null"]}),
    ],
)
def test_its_json_schema_has_the_rules(
    published: dict[str, Any], column: str, rule: dict[str, Any]
) -> None:
    found = published["json_schema"]["properties"][column]
    assert {name: found.get(name) for name in rule} == rule


def test_the_template_is_a_header_and_nothing_else(service: Service) -> None:
    answer = service.http.get("/api/schema.csv")
    assert (answer.content_type, answer.text) == ("text/csv", ",".join(COLUMN_NAMES) + "\r\n")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="listings.csv"'


def test_the_template_filled_in_can_be_imported(service: Service) -> None:
    template = service.http.get("/api/schema.csv").text
    given = {"model": "L4", "price_usd": "1", "score": "0.5"}
    row = ",".join(given.get(name, "") for name in template.strip().split(","))
    status = service.import_csv(f"{template}{row}\r\n")
    assert (status["status"], status["record_count"], status["ignored_columns"]) == (
        "succeeded",
        1,
        [],
    )


def test_its_versions_are_listed_with_their_columns(
    service: Service, published: dict[str, Any]
) -> None:
    versions = service.http.get("/api/schema/versions").json
    latest = versions[-1]
    assert latest["schema_version"] == published["schema_version"]
    assert latest["columns"] == published["columns"]
    assert [one["schema_version"] for one in versions] == [*range(2, ROW_SCHEMA_VERSION + 1)]
    added = [name for one in versions for name in one["added"]]
    assert sorted(added) == sorted(latest["columns"])


@pytest.mark.parametrize("path", ["/api/schema", "/api/schema.csv", "/api/schema/versions"])
def test_they_take_no_parameters(service: Service, path: str) -> None:
    assert service.refusal(f"{path}?format=csv")["code"] == "unknown_parameter"
