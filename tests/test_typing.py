"""A user's script passes the strictest type check, without plugins and outside the project."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = re.findall(
    r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
)

STORE = """
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from glyphd import (
    GPUListingDTO,
    GPUModelDTO,
    ImportMetadata,
    ImportResultDTO,
    ListingStore,
    PostgresListingStore,
    QuantizedListingDTO,
    ScoredListingDTO,
    SqliteListingStore,
)


def stores() -> Iterator[ListingStore]:
    yield SqliteListingStore()
    yield SqliteListingStore(Path("offers.sqlite"))
    yield PostgresListingStore("postgresql://localhost/offers")


def fill(store: ListingStore) -> datetime:
    listing = GPUListingDTO(model="RTX_A6000", price_usd=3899, score=0.8)
    now = datetime.now()
    seen = GPUListingDTO(model="L4", price_usd=2400.5, score=1, seen_at=now, heuristics={"a": [1]})
    result: ImportResultDTO = store.insert_listings([listing, seen], import_id="monday")
    return result.timestamp


def ask(store: ListingStore, moment: datetime) -> float:
    names = ["L4", "L40S"]
    found: list[ScoredListingDTO] = store.query_listings(model=names, after=moment, limit=10)
    models: list[GPUModelDTO] = store.list_models()
    imports: list[ImportMetadata] = store.list_imports()
    capacities: list[QuantizedListingDTO] = store.list_capacities(imports[0].import_id)
    prices, memory = (row.price_usd for row in found), (model.vram_gb or 0 for model in models)
    return sum(prices) + sum(memory) + capacities[0].model_7b
"""

APPLICATION = """
from wsgiref.simple_server import make_server

from glyphd import app, create_app

make_server("", 8080, create_app())
make_server("", 8080, app)
"""

WRONG = """
from glyphd import GPUListingDTO

GPUListingDTO(model="RTX_A6000", price_usd=3899, score=0.8, region=5)
GPUListingDTO(model="RTX_A6000", score=0.8)
"""


def _check(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "script.py").write_text(script)
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        f"--cache-dir={folder}/cache",
        "script.py",
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder outside the project."""
    return tmp_path_factory.mktemp("typing")


@pytest.mark.parametrize("script", [*README, STORE, APPLICATION])
def test_a_users_script_has_no_error(outside: Path, script: str) -> None:
    found = _check(script, outside)
    assert (found.stdout.splitlines()[-1], found.stderr) == (
        "Success: no issues found in 1 source file",
        "",
    )


def test_what_is_wrong_is_found(outside: Path) -> None:
    codes = re.findall(r"\[([a-z-]+)\]$", _check(WRONG, outside).stdout, re.MULTILINE)
    assert codes == ["arg-type", "call-arg"]
