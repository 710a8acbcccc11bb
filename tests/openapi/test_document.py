"""`GET /openapi.json`: complete, valid, equal to its snapshot, and consistent with docs/API.md."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from glyphd.api.app import all_routes
from glyphd.api.openapi import GROUPS
from glyphd.api.openapi_parameters import path_template
from tests.openapi.contract import Contract
from tests.openapi.snapshot import SNAPSHOT, written
from tests.service import Service

API_PAGE = Path(__file__).parents[2] / "docs/API.md"
CODE_ROW = re.compile(r"^\| `(\w+)` \| (\d{3}) \| (.*) \|$", re.MULTILINE)
NEVER_FROM_A_ROUTE = re.compile(r"^only from|prevents the start|not used in|never sent|only in the")
OF_NO_ROUTE = {"method_not_allowed"}
FENCED = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def document(shared_service: Service) -> dict[str, Any]:
    found: dict[str, Any] = shared_service.http.get("/openapi.json").json
    return found


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for operations in document["paths"].values():
        yield from operations.values()


def test_every_route_is_described(document: dict[str, Any], shared_service: Service) -> None:
    routes = all_routes(shared_service.services)
    assert [route.path for route in routes if route.about is None] == []
    assert {(route.method.lower(), path_template(route.path)) for route in routes} == {
        (method, path) for path, methods in document["paths"].items() for method in methods
    }


def test_every_operation_has_a_name_of_its_own_and_is_explained(document: dict[str, Any]) -> None:
    operations = list(_operations(document))
    names = {operation["operationId"] for operation in operations}
    assert len(names) == len(operations)
    for operation in operations:
        assert operation["summary"], operation["operationId"]
        assert operation["description"], operation["operationId"]
        assert set(operation["tags"]) <= set(GROUPS)
        assert all(
            "$ref" in parameter or parameter["description"] for parameter in operation["parameters"]
        )


def test_the_links_of_an_answer_lead_to_operations(document: dict[str, Any]) -> None:
    operations = {operation["operationId"]: operation for operation in _operations(document)}
    for operation in operations.values():
        for response in operation["responses"].values():
            for link in response.get("links", {}).values():
                parameters = operations[link["operationId"]]["parameters"]
                names = {parameter.get("name") for parameter in parameters}
                assert set(link["parameters"]) <= names


def test_an_operation_says_whether_it_takes_a_token(document: dict[str, Any]) -> None:
    open_to_all = {
        operation["operationId"] for operation in _operations(document) if not operation["security"]
    }
    assert open_to_all == {"get_health", "get_ready", "get_watch_feed"}
    for operation in _operations(document):
        needs_token = operation["operationId"] not in open_to_all
        assert operation["security"] == ([{}, {"token": []}] if needs_token else [])
        assert ("401" in operation["responses"]) == needs_token
        assert ("scope" in operation["description"]) == needs_token


def test_it_is_valid(document: dict[str, Any]) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_it_is_the_one_that_was_agreed_on(document: dict[str, Any]) -> None:
    """A change of the API must change the snapshot, which `make openapi` writes."""
    assert SNAPSHOT.read_text() == written(document)


def test_it_is_not_sent_to_who_has_it(shared_service: Service) -> None:
    answer = shared_service.http.get("/openapi.json")
    assert answer.content_type == "application/json"
    again = {"If-None-Match": answer.headers["ETag"]}
    assert shared_service.http.get("/openapi.json", headers=again, status=304).body == b""
    assert shared_service.refusal("/openapi.json?pretty=1")["code"] == "unknown_parameter"


def test_its_problems_are_those_of_the_page(document: dict[str, Any]) -> None:
    rows = CODE_ROW.findall(API_PAGE.read_text())
    on_page = {code: int(status) for code, status, when in rows if not _is_internal(when)}
    described = {
        code: example["value"]["status"]
        for code, example in document["components"]["examples"].items()
    }
    assert described == {code: on_page[code] for code in on_page if code not in OF_NO_ROUTE}


def _is_internal(when: str) -> bool:
    return NEVER_FROM_A_ROUTE.search(when) is not None


def test_its_examples_are_those_of_the_page_and_fit_their_schemas(document: dict[str, Any]) -> None:
    page = "\n".join(FENCED.findall(API_PAGE.read_text()))
    contract, seen = Contract(document), 0
    for operation in _operations(document):
        for response in operation["responses"].values():
            for media_type, content in response.get("content", {}).items():
                if "example" not in content:
                    continue
                seen += 1
                assert _is_shown(content["example"], page), content["example"]
                if media_type == "application/json":
                    assert contract.complaints(content["schema"], content["example"]) == []
    assert seen > 5


def _is_shown(example: Any, page: str) -> bool:
    if isinstance(example, str):
        return example in page
    text = json.dumps(example, ensure_ascii=False, separators=(",", ":"))
    return text in page.replace("\n", "")
