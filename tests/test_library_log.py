"""What the library writes to the log of a program that uses it: one line for each import, and
nothing else."""

import subprocess
import sys
from pathlib import Path

from glyphd.settings import Settings

SCRIPT = """
import logging
import sys

logging.basicConfig(level=logging.INFO)

from glyphd import GPUListingDTO, PostgresListingStore, SqliteListingStore

place = sys.argv[1]
store = PostgresListingStore(place) if "://" in place else SqliteListingStore(place)
rows = [GPUListingDTO(model="L4", price_usd=2400, score=0.7, seller=seller) for seller in "ab"]
store.insert_listings(rows, import_id="monday")
store.insert_listings(rows, import_id="monday")
store.insert_listings(rows[:1], import_id="tuesday")
store.query_listings()
store.list_imports()
store.list_models()
"""


def _run(place: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SCRIPT, place]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)


def test_each_import_is_one_line(empty_database_settings: Settings, tmp_path: Path) -> None:
    done = _run(empty_database_settings.database_url or str(tmp_path / "offers.sqlite"), tmp_path)
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "INFO:glyphd:import monday written, record_count=2",
        "INFO:glyphd:import tuesday written, record_count=1",
    ]
