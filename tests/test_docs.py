"""The documents agree with the code: their tables are compared with it."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from click import Group, Option
from pydantic import BaseModel

from glyphd.api import problems
from glyphd.api.app import all_routes
from glyphd.cli import main
from glyphd.contracts.change_queries import DeltaQuery, DiffQuery, MomentDiffQuery
from glyphd.contracts.column_names import ALIASES
from glyphd.contracts.columns import COLUMN_NAMES, STORED_COLUMNS
from glyphd.contracts.event_contracts import DATA_OF_KIND, EventData, EventKind, EventQuery
from glyphd.contracts.import_contracts import ImportFailure, ImportView
from glyphd.contracts.market_queries import IndexQuery, StatsHistoryQuery, StatsQuery
from glyphd.contracts.parameter_reading import parameters_of
from glyphd.contracts.queries import (
    ChangeQuery,
    ErrorQuery,
    ImportQuery,
    ListingQuery,
    ModelHistoryQuery,
    ModelsQuery,
    MomentQuery,
    SourceQuery,
    UploadQuery,
)
from glyphd.contracts.watch_contracts import (
    MATCH_COLUMNS,
    MatchQuery,
    WatchBody,
    WatchChange,
    WatchCondition,
    WatchView,
)
from glyphd.contracts.webhook_contracts import AttemptQuery, WebhookBody, WebhookChange, WebhookView
from glyphd.errors import GlyphdError
from glyphd.events.feed import EVENT_COLUMNS
from glyphd.events.webhook_records import ATTEMPT_COLUMNS
from glyphd.history.buckets import ModelHistory
from glyphd.history.delta_pages import DELTA_COLUMNS
from glyphd.history.import_diff import CHANGED_COLUMNS
from glyphd.history.market_models import MODEL_COLUMNS
from glyphd.history.market_stats import STATISTICS
from glyphd.history.moment_diff import MOVED_COLUMNS
from glyphd.history.price_index import INDEX_COLUMNS
from glyphd.history.stats_history import BUCKETED
from glyphd.listings.computed_columns import COMPUTED_COLUMNS
from glyphd.settings import PREFIX, Settings
from glyphd.storage.result_rows import RESULT_COLUMNS
from tests.documents import CODE, ROOT, first_cells, section, tables
from tests.service import Service
from worker import webhook_sending

MAKERS_OF_ROW_ERRORS = {"failing", "PydanticCustomError", "Flaw", "row_error"}
STABLE_CODE = re.compile(r"[a-z]+(?:_[a-z]+)*")


def _kinds(kind: type[GlyphdError]) -> set[type[GlyphdError]]:
    return {kind}.union(*(_kinds(sub) for sub in kind.__subclasses__()))


def test_settings_are_described_with_their_flags_and_defaults() -> None:
    rows = next(tables((ROOT / "docs/SETTINGS.md").read_text()))
    described = [[word.strip("`") for word in row[:3]] for row in rows]
    flags, defaults = _flags(), Settings().shown()
    assert described == [
        [
            PREFIX + name.upper(),
            flags.get(name, ""),
            defaults[name].removeprefix(f"{Path.cwd()}/").replace("None", "not set"),
        ]
        for name in Settings.model_fields
    ]


def _flags() -> dict[str, str]:
    """The flag of each setting that has one."""
    assert isinstance(main, Group)
    options = [
        option
        for command in main.commands.values()
        for option in command.params
        if isinstance(option, Option)
    ]
    return {
        option.name: option.opts[0] for option in options if option.name in Settings.model_fields
    }


def test_every_route_is_described(service: Service) -> None:
    routes = [f"{route.method} {_shown_path(route.path)}" for route in all_routes(service.services)]
    assert sorted(first_cells(section("docs/API.md", "Routes"))) == sorted(routes)


def _shown_path(path: str) -> str:
    """A route's path as in the documents: `{import_id}` for `<import_id:re:…>`."""
    return re.sub(r"<(\w+)[^>]*>", r"{\1}", path)


@pytest.mark.parametrize(
    ("heading", "table", "contract"),
    [
        ("Sending a file", 1, UploadQuery),
        ("Row errors", 0, ErrorQuery),
        ("Listing imports", 0, ImportQuery),
        ("Finding listings", 0, ListingQuery),
        ("Rolling back and restoring", 0, ChangeQuery),
        ("Deltas", 0, DeltaQuery),
        ("The history of a listing", 1, MomentQuery),
        ("Models", 1, ModelsQuery),
        ("A model over time", 1, ModelHistoryQuery),
        ("Statistics", 0, StatsQuery),
        ("Statistics over time", 0, StatsHistoryQuery),
        ("The price index", 0, IndexQuery),
        ("The difference between two imports", 0, DiffQuery),
        ("The difference between two moments", 0, MomentDiffQuery),
        ("The source of a row", 0, SourceQuery),
        ("Events", 0, EventQuery),
        ("Attempts", 0, AttemptQuery),
        ("Matches", 0, MatchQuery),
    ],
)
def test_every_query_parameter_is_described(
    heading: str, table: int, contract: type[BaseModel]
) -> None:
    assert sorted(first_cells(section("docs/API.md", heading), table)) == sorted(
        parameters_of(contract)
    )


def test_every_error_code_is_described() -> None:
    codes = {kind.code for kind in _kinds(GlyphdError)} | set(problems._OWN_CODES.values())
    codes |= set(get_args(ImportFailure.model_fields["code"].annotation))
    assert set(first_cells(section("docs/API.md", "Errors"))) == codes


def test_error_codes_stand_beside_their_statuses() -> None:
    rows = next(tables(section("docs/API.md", "Errors")))
    statuses = {CODE.findall(row[0])[0]: int(row[1]) for row in rows}
    for kind in _kinds(GlyphdError):
        assert statuses[kind.code] == problems.status_of(kind("")), kind.code


def test_every_reason_for_a_failed_import_is_described() -> None:
    reasons = list(tables(section("docs/API.md", "The status of an import")))[1]
    described = {CODE.findall(row[0])[0] for row in reasons}
    assert described == set(get_args(ImportFailure.model_fields["code"].annotation))


def test_every_code_of_a_row_error_is_described() -> None:
    modules = [*ROOT.glob("glyphd/contracts/*.py"), *ROOT.glob("glyphd/importing/*.py")]
    made = {code for module in modules for code in _codes_made(module)}
    assert set(first_cells(section("docs/API.md", "Row errors"), 1)) == made


def _codes_made(module: Path) -> Iterator[str]:
    """The codes that are literals where a row error, or the flaw behind it, is created, and those
    that are defined together with their sentence."""
    tree = ast.parse(module.read_text())
    for named in tree.body:
        if (
            isinstance(named, ast.Assign)
            and isinstance(named.value, ast.Tuple)
            and len(named.value.elts) == 2
        ):
            yield from (
                text
                for text in _texts(named.value.elts[:1])
                if STABLE_CODE.fullmatch(text) and "_" in text
            )
    for node in ast.walk(tree):
        if (
            not isinstance(node, ast.Call)
            or getattr(node.func, "id", None) not in MAKERS_OF_ROW_ERRORS
        ):
            continue
        yield from (text for text in _texts(node.args) if STABLE_CODE.fullmatch(text))


def _texts(nodes: list[ast.expr]) -> Iterator[str]:
    values = (node.value for node in nodes if isinstance(node, ast.Constant))
    yield from (value for value in values if isinstance(value, str))


def test_every_column_and_alias_is_described() -> None:
    (columns,) = tables(section("docs/API.md", "The row contract"))
    (aliases,) = tables(section("docs/API.md", "Aliases"))
    (added,) = tables(section("docs/API.md", "What comes back"))
    assert tuple(CODE.findall(row[0])[0] for row in columns) == STORED_COLUMNS
    assert {CODE.findall(row[0])[0]: CODE.findall(row[1])[0] for row in aliases} == ALIASES
    assert COLUMN_NAMES + tuple(CODE.findall(row[0])[0] for row in added) == RESULT_COLUMNS


@pytest.mark.parametrize(
    ("heading", "table", "columns"),
    [
        ("Deltas", 1, DELTA_COLUMNS),
        ("Models", 0, MODEL_COLUMNS),
        ("A model over time", 0, ModelHistory.columns),
        ("Statistics", 1, STATISTICS),
        ("Computed columns", 0, COMPUTED_COLUMNS),
        ("The price index", 1, INDEX_COLUMNS),
        ("Statistics over time", 1, BUCKETED.columns[len(STATISTICS) :]),
        ("The difference between two imports", 1, CHANGED_COLUMNS),
        ("The difference between two moments", 1, MOVED_COLUMNS),
        ("Events", 1, EVENT_COLUMNS),
        ("Attempts", 1, ATTEMPT_COLUMNS),
        ("Matches", 1, MATCH_COLUMNS),
    ],
)
def test_every_column_of_a_list_is_described(
    heading: str, table: int, columns: tuple[str, ...]
) -> None:
    assert tuple(first_cells(section("docs/API.md", heading), table)) == columns


def test_every_kind_of_event_and_what_it_says_is_described() -> None:
    kinds, fields = list(tables(section("docs/API.md", "Events")))[2:]
    assert [CODE.findall(row[0])[0] for row in kinds] == [str(kind) for kind in EventKind]
    described = {
        kind: {*CODE.findall(row[1]), *EventData.model_fields} - {"as_of"}
        for row in fields
        for kind in CODE.findall(row[0])
    }
    assert described == {
        str(kind): set(contract.model_fields) for kind, contract in DATA_OF_KIND.items()
    }


def test_every_member_of_a_webhook_is_described() -> None:
    members, fields = tables(section("docs/API.md", "Webhooks"))
    named = {word for row in members for word in CODE.findall(row[0])}
    assert named == {*WebhookBody.model_fields, *WebhookChange.model_fields}
    shown = [word for row in fields for word in CODE.findall(row[0])]
    assert sorted(shown) == sorted(WebhookView.model_fields)


def test_every_member_and_condition_of_a_watch_is_described() -> None:
    members, conditions, fields = tables(section("docs/API.md", "Watches"))
    named = {word for row in members for word in CODE.findall(row[0])}
    assert named == {*WatchBody.model_fields, *WatchChange.model_fields}
    assert [CODE.findall(row[0])[0] for row in conditions] == [str(one) for one in WatchCondition]
    shown = [word for row in fields for word in CODE.findall(row[0])]
    assert sorted(shown) == sorted(WatchView.model_fields)


def test_every_error_of_an_attempt_is_described() -> None:
    errors = {code for _, code in webhook_sending._ERRORS} | {"http_status", "redirect"}
    assert set(first_cells(section("docs/API.md", "Attempts"), 2)) == errors


def test_every_field_of_a_status_is_described() -> None:
    described = first_cells(section("docs/API.md", "The status of an import"))
    assert sorted(described) == sorted(ImportView.model_fields)


def test_the_layers_are_those_that_import_linter_holds() -> None:
    config: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    layers = config["tool"]["importlinter"]["contracts"][0]["layers"]
    described = [
        CODE.findall(row[0]) for row in next(tables(section("docs/ARCHITECTURE.md", "The layers")))
    ]
    assert described == [re.findall(r"\w+", layer) for layer in layers]
