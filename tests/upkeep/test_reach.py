"""Every column of every table is either compared with something or listed as out of reach; none is
missing.

The list is the one in docs/RELIABILITY.md.
"""

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from glyphd.cli import main
from glyphd.contracts.columns import STORED_COLUMNS
from glyphd.contracts.gpu_listings import GPUListingDTO
from glyphd.db.migrations import initialise
from glyphd.history.market_summaries import keep_summaries
from glyphd.settings import Settings
from glyphd.storage.stores import SqliteListingStore
from tests.service import offers, settings_in, start_in
from tests.upkeep.stories import live

RELIABILITY = Path(__file__).parents[2] / "docs" / "RELIABILITY.md"
OUT_OF_REACH = "out of reach"
_MEANT = " AND kind = 'import' AND status = 'succeeded' AND NOT dry_run"
"""In a rollback, or in an import that brought no rows, a missing value has no meaning."""

CAPACITIES = "quantization_capacity_7b,quantization_capacity_13b,quantization_capacity_70b"
ROWS = (
    "L4,2400,0.9,EU,Acme,2025-07-28",
    "L4,2500,0.9,EU,Acme,2025-07-28",
)


def _listed() -> dict[tuple[str, str], str]:
    """By table and column, what it is compared with, from the tables in the document."""
    text = (
        RELIABILITY.read_text()
        .partition("\n## What is compared with what\n")[2]
        .partition("\n## ")[0]
    )
    found: dict[tuple[str, str], str] = {}
    for table, columns, held_by in re.findall(
        r"^\| `(\w+)` \| (.+?) \| (.+?) \|$", text, re.MULTILINE
    ):
        of_contract = STORED_COLUMNS if "the columns of the row contract" in columns else ()
        for column in (*re.findall(r"`(\w+)`", columns), *of_contract):
            assert (table, column) not in found, f"{table}.{column} is listed twice"
            found[table, column] = held_by
    return found


def _columns(path: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as connection:
        tables = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        return [
            (table, column)
            for table in tables
            for _, column, *_ in connection.execute(f"PRAGMA table_info({table})")
        ]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An empty ledger."""
    settings = settings_in(tmp_path_factory.mktemp("fresh") / "data")
    initialise(settings)
    return settings


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, initialised_folder: Path) -> Path:
    """The data folder of a ledger with every kind of data, including rows without a file."""
    folder = tmp_path_factory.mktemp("lived") / "data"
    service = start_in(folder, initialised_folder)
    live(service)
    service.import_csv(offers(*ROWS), "?source=two&description=why", Idempotency_Key="key")
    service.import_csv(offers(*ROWS), "?source=two&complete=true&allow_shrink=true")
    for day, model in ((28, "L40"), (29, "A2"), (30, "L40")):  # it is gone, and then back
        row = f"{model},2400,0.9,EU,Acme,2025-07-{day}"
        service.import_csv(offers(row), "?source=three&complete=true")
    service.import_csv(f"model,price_usd,score,{CAPACITIES}\nL4,1,1,1,2,3\n")
    store = SqliteListingStore(db_path=folder / "gpu.sqlite")
    store.insert_listings(
        [GPUListingDTO(model="L4", price_usd=1, score=1, seller="Acme", title="x")] * 2,
        import_id="mine",
    )
    with store.database.connection_context():
        keep_summaries(store.database, least=0)
    store.database.close()
    return folder


def test_the_list_has_every_column_of_the_schema_and_no_other(fresh: Settings) -> None:
    schema = [*_columns(fresh.archive_path), *_columns(fresh.registry_path)]
    listed = _listed()
    assert sorted(set(schema) - listed.keys()) == [], "columns that nothing is said of"
    assert sorted(listed.keys() - set(schema)) == [], "columns that are not there"


def test_every_value_that_is_changed_is_named_or_out_of_reach(lived: Path, tmp_path: Path) -> None:
    assert _verify(lived) == ""
    listed = _listed()
    unnoticed, noticed = [], []
    for name in ("gpu.sqlite", "gpu.registry.sqlite"):
        for table, column in _columns(lived / name):
            for number, statement in enumerate(_changes(lived / name, table, column)):
                folder = tmp_path / f"{table}.{column}.{number}"
                shutil.copytree(lived, folder)
                _change(folder / name, statement)
                found = _verify(folder)
                shutil.rmtree(folder)
                is_held = OUT_OF_REACH not in listed[table, column]
                if is_held and not found:
                    unnoticed.append(statement)
                elif not is_held and found:
                    noticed.append((statement, found))
    assert unnoticed == [], "\n".join(unnoticed)
    assert noticed == [], noticed


def _verify(folder: Path) -> str:
    """The output, even if nothing could be verified; empty if all is well."""
    found = CliRunner().invoke(main, ["verify", "--all", "--data-dir", str(folder)])
    assert isinstance(found.exception, SystemExit | None), found.exception
    return found.output if found.exit_code else ""


def _changes(path: Path, table: str, column: str) -> Iterator[str]:
    """Statements that change a value: in the first row that has one, and in the first that has
    none."""
    with closing(sqlite3.connect(path)) as connection:
        key = _key(connection, table)
        for condition in ("IS NOT NULL", "IS NULL"):
            told = f"{condition}{_MEANT if condition == 'IS NULL' and table == 'jobs' else ''}"
            query = (
                f"SELECT {', '.join(key)}, {column} FROM {table} WHERE {column} {told} ORDER "
                "BY 1 LIMIT 1"
            )
            row = connection.execute(query).fetchone()
            if row is not None:
                where = " AND ".join(
                    f"{name} = {_quoted(value)}" for name, value in zip(key, row, strict=False)
                )
                for value in _others(row[-1], column):
                    yield f"UPDATE {table} SET {column} = {_quoted(value)} WHERE {where}"


def _key(connection: sqlite3.Connection, table: str) -> list[str]:
    columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
    return [name for _, name, _, _, _, position in columns if position] or ["rowid"]


def _others(value: Any, column: str) -> Iterator[Any]:
    """Other values of the same kind."""
    if value is None:
        yield "7"
    elif isinstance(value, bytes):
        yield bytes([value[0] ^ 1]) + value[1:]
    elif isinstance(value, str):
        yield value + "x"
        if value.swapcase() != value:
            yield value.swapcase()
    else:
        yield value + 1000


def _quoted(value: Any) -> str:
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


def _change(path: Path, statement: str) -> None:
    """Executes the statement without constraints, as a disk does not know them."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = 1")
        connection.execute(statement)
