"""The archive's file is read while the service runs: by SQLite, and by Datasette with the
documented configuration."""

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.documents import ROOT
from tests.e2e.processes import final_status, get, many_offers, upload
from tests.tools.conftest import SOURCE

CONFIGURATION = ROOT / "deploy" / "datasette" / "datasette.yaml"
DATASETTE = shutil.which("datasette", path=str(ROOT / "build" / "datasette" / "bin"))
SECONDS = 60

Ask = Callable[[str], Any]


@pytest.fixture
def reader(address: str, archive_file: Path) -> Iterator[sqlite3.Connection]:
    """The archive, opened as documented."""
    with closing(sqlite3.connect(f"file:{archive_file}?mode=ro", uri=True)) as connection:
        yield connection


@pytest.fixture
def ask(address: str, archive_file: Path) -> Ask:
    """Sends a query to Datasette, which is started for each one."""
    if DATASETTE is None:
        pytest.skip(
            "DATASETTE IS MISSING: its recipe is not tested (`make build/datasette/.installed`)"
        )
    command = [DATASETTE, "serve", str(archive_file), "--metadata", str(CONFIGURATION), "--get"]

    def asked(path: str) -> Any:
        done = subprocess.run(
            [*command, path], capture_output=True, text=True, timeout=SECONDS, check=False
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout)

    return asked


def _count(reader: sqlite3.Connection) -> int:
    (count,) = reader.execute("SELECT count(*) FROM listings").fetchone()
    return int(count)


def _tables(reader: sqlite3.Connection) -> set[str]:
    return {
        name
        for (name,) in reader.execute(
            "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')"
        )
        if not name.startswith("sqlite")
    }


def test_the_views_say_what_the_api_says(address: str, reader: sqlite3.Connection) -> None:
    named = "listing_id, source, price_usd"
    rows = reader.execute(f"SELECT {named} FROM listings ORDER BY {named}").fetchall()
    asked = get(address, f"/api/listings?fields={named.replace(' ', '')}")
    assert rows == sorted(tuple(row.values()) for row in asked)
    assert len(rows) > 200


def test_a_reader_and_an_import_do_not_wait_for_each_other(
    address: str, reader: sqlite3.Connection
) -> None:
    reader.isolation_level = None
    reader.execute("BEGIN")
    before = _count(reader)
    import_id = upload(address, many_offers(500), "?source=more")["import_id"]
    assert final_status(address, import_id)["status"] == "succeeded"
    assert _count(reader) == before
    reader.execute("COMMIT")
    assert _count(reader) == before + 500
    assert reader.execute("PRAGMA quick_check").fetchone() == ("ok",)


def test_a_reader_can_change_nothing(reader: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("DELETE FROM import_batches")


def test_datasette_shows_two_views_and_the_imports(reader: sqlite3.Connection) -> None:
    """Every table is either meant for readers or hidden, and every named table exists."""
    tables = yaml.safe_load(CONFIGURATION.read_text())["databases"]["gpu"]["tables"]
    hidden = {name for name, about in tables.items() if about.get("hidden")}
    assert set(tables) <= _tables(reader)
    assert _tables(reader) - hidden == {
        "listings", "gpu_listings", "import_batches", "batch_changes", "models",
    }  # fmt: skip


def test_datasette_browses_the_market(ask: Ask, address: str) -> None:
    found = ask("/gpu/listings.json?_shape=objects&_size=1000&_extra=facet_results")
    shown = {(row["listing_id"], row["source"]) for row in found["rows"]}
    asked = get(address, "/api/listings?fields=listing_id,source")
    assert shown == {tuple(row.values()) for row in asked}
    assert {"model", "source"} <= set(found["facet_results"])


def test_datasette_answers_what_is_prepared(ask: Ask, address: str) -> None:
    sources = ask("/gpu/by_source.json?_shape=array")
    assert {row["source"] for row in sources} >= {SOURCE, "samples"}
    (offer,) = get(address, "/api/deltas?limit=1")
    history = ask(f"/gpu/price_history.json?_shape=array&listing_id={offer['listing_id']}")
    assert [row["price_usd"] for row in history] == [
        offer["previous_price_usd"], offer["price_usd"],
    ]  # fmt: skip
    assert {row["model"] for row in ask("/gpu/cheapest.json?_shape=array")} >= {"L40S", "RTX_1"}
