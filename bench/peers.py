"""What a user would use instead of glyphd to write and read: the `sqlite3` shell and
`sqlite-utils`."""

import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from bench.data import COLUMNS

BIN = Path(__file__).parent / ".venv/bin"
"""Created by `make bench` from requirements/bench.lock."""

COLUMN_LIST = ", ".join(COLUMNS)
PRAGMAS = "PRAGMA journal_mode = wal;\nPRAGMA cache_size = -262144;\n"
TABLE = """CREATE TABLE listings (
    model TEXT COLLATE NOCASE, price_usd REAL, condition TEXT, quantity INTEGER,
    min_order_qty INTEGER, seller TEXT,
    region TEXT, vram_gb INTEGER, mig_capable INTEGER, score REAL, heuristics TEXT, seen_at TEXT,
    source_url TEXT,
    source_type TEXT
);
"""
BY_MODEL = "CREATE INDEX listings_by_model ON listings (model, seen_at);\n"
INDEXES = f"""{BY_MODEL}CREATE INDEX listings_by_time ON listings (seen_at);
CREATE INDEX listings_by_url ON listings (source_url, seen_at);
CREATE INDEX listings_by_seller ON listings (seller);
"""


class Missing(Exception):
    """A program to compare with is not installed; the message says how to get it."""


def shell() -> str:
    """The path of the sqlite3 shell."""
    found = shutil.which("sqlite3")
    if found is None:
        raise Missing(
            "the sqlite3 shell is missing: `apt-get install sqlite3`, or your system's equivalent"
        )
    return found


def program(name: str) -> str:
    """The path of a program in the benchmarks' own environment."""
    if not (BIN / name).exists():
        raise Missing(f"{name} is missing in {BIN.parent}: run this as `make bench`")
    return str(BIN / name)


def versions() -> list[str]:
    """The name and version of each peer."""
    of_shell = _output([shell(), "--version"]).split()[0]
    others = [
        _output([program(name), "--version"]).strip() for name in ("sqlite-utils", "datasette")
    ]
    return [f"sqlite3 shell {of_shell}", *(line.replace(", version", "") for line in others)]


def make_table(database: Path) -> None:
    """Creates the empty table with its four indexes, in WAL mode."""
    run_shell(database, PRAGMAS + TABLE + INDEXES)


def shell_import(database: Path, csv: Path) -> float:
    """Seconds that `.import` into the existing table takes."""
    return run_shell(database, f"{PRAGMAS}.mode csv\n.import --skip 1 '{csv}' listings\n")


def utils_insert(database: Path, csv: Path) -> float:
    """Seconds that `sqlite-utils insert --csv` into the existing table takes."""
    return _timed(
        [
            program("sqlite-utils"),
            "insert",
            str(database),
            "listings",
            str(csv),
            "--csv",
            "--silent",
        ]
    )


def run_shell(database: Path, script: str, *options: str) -> float:
    """Seconds that the shell takes for a script; its output is discarded."""
    return _timed([shell(), "-bail", *options, str(database)], script)


def count_rows(database: Path) -> int:
    return int(_output([shell(), str(database), "SELECT COUNT(*) FROM listings"]))


def copy_market(archive: Path, target: Path) -> Path:
    """Copies the current rows of a glyphd archive into a plain table, in the archive's own order,
    with the index by model."""
    run_shell(
        target,
        f"{TABLE}ATTACH '{archive}' AS archive;\n"
        f"INSERT INTO listings (rowid, {COLUMN_LIST})\n"
        f"SELECT id, {COLUMN_LIST} FROM archive.scored_listings WHERE +is_current = 1 ORDER BY "
        f"id;\n{BY_MODEL}",
    )
    return target


def _timed(command: Sequence[str], script: str = "") -> float:
    began = time.perf_counter()
    subprocess.run(command, input=script, text=True, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def _output(command: Sequence[str]) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
