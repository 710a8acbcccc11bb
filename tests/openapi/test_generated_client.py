"""A client generated from the document works: it uploads, polls, queries and reads errors."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes import data_in, readiness, serving, until
from tests.openapi.snapshot import SNAPSHOT

PACKAGE = "generated_glyphd_client"
SAMPLES = Path(__file__).parents[2] / "sample"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The client as a package that can be imported."""
    folder = tmp_path_factory.mktemp("client")
    binaries = Path(sys.executable).parent
    subprocess.run(
        [
            binaries / "openapi-python-client",
            "generate",
            f"--path={SNAPSHOT}",
            "--meta=none",
            f"--output-path={folder / PACKAGE}",
        ],
        env=os.environ | {"PATH": f"{binaries}:{os.environ['PATH']}"},
        check=True,
        capture_output=True,
    )
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def client(generated: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with serving(environment=data_in(tmp_path_factory.mktemp("served") / "data")) as api:
        until(lambda: readiness(api.address)["status"] == "ready")
        with import_module(f"{PACKAGE}.client").Client(base_url=api.address) as client:
            yield client


def _call(client: Any, operation: str, *arguments: Any, **parameters: Any) -> Any:
    """The answer of one operation, with its status."""
    module = import_module(f"{PACKAGE}.api.{operation}")
    return module.sync_detailed(*arguments, client=client, **parameters)


def _upload(client: Any, name: str, **parameters: Any) -> Any:
    types, models = import_module(f"{PACKAGE}.types"), import_module(f"{PACKAGE}.models")
    file = types.File(BytesIO((SAMPLES / name).read_bytes()), name, "text/csv")
    form = models.CsvForm(file=file, source="generated")
    return _call(client, "imports.upload_csv", body=form, **parameters)


def test_it_uploads_polls_and_queries(client: Any) -> None:
    accepted = _upload(client, "scored_sample.csv")
    assert accepted.status_code == 202

    def status() -> Any:
        return _call(client, "imports.get_import", accepted.parsed.import_id).parsed

    until(lambda: status().status == "succeeded")
    assert (status().record_count, status().source) == (24, "generated")
    found = _call(client, "listings.list_listings", model=["RTX_A6000"], min_score=0.8).parsed
    assert [listing.model for listing in found] == ["RTX_A6000", "RTX_A6000"]
    assert all(listing.seen_at.tzinfo is not None for listing in found)
    model = _call(client, "models.get_model", "rtx_a6000").parsed
    assert (model.listing_count, model.vram_gb) == (3, 48)


def test_it_reads_errors(client: Any) -> None:
    failed = _upload(client, "broken_sample.csv", prefer="wait=30")
    assert (failed.status_code, failed.parsed.code) == (422, "invalid_rows")
    assert [error.field for error in failed.parsed.errors] == ["price_usd", "score", "seen_at"]
    import_id = failed.parsed.import_.import_id
    errors = _call(client, "imports.list_import_errors", import_id).parsed
    assert [error.line for error in errors] == [5, 11, 17]
    missing = _call(client, "imports.get_import", "none")
    assert (missing.status_code, missing.parsed.code) == (404, "import_not_found")
