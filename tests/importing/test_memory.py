"""For any file, a worker needs no more memory to read it than for a chunk of rows."""

import gzip
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.service import Service, start_in

MIB = 1 << 20
MOST_GROWTH = 64 * MIB
"""Chunks, buffers and caches stay far below this; the content of the hostile files is far above."""

MAX_UNPACKED = 128 * MIB
HEADER = b"model,price_usd,score,heuristics,title,seller,region\n"
GOOD = b"A,1,0.5,,,,\n"
WIDE = "\U0001f600".encode()
"""With one such character, Python stores every character of a line in four bytes."""


@dataclass(frozen=True)
class Hostile:
    """A file that repeats a piece many times, and its expected outcome."""

    piece: bytes
    times: int
    outcome: str
    start: bytes = b""

    def packed(self) -> bytes:
        out = io.BytesIO()
        with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1, mtime=0) as file:
            file.write(HEADER + GOOD + self.start)
            for _ in range(self.times):
                file.write(self.piece)
        return out.getvalue()


def _line(*cells: bytes) -> bytes:
    return b",".join(cells) + b"\n"


WIDEST = WIDE + b"x" * 131_000
HOSTILE = {
    "rows with a cell of the longest length": Hostile(
        _line(b"A", b"1", b"0.5", b"", WIDEST, b"", b""), 250, "succeeded"
    ),
    "rows of seven such cells": Hostile(_line(*[WIDEST] * 7), 60, "succeeded"),
    "lines of one cell too large": Hostile(b"x" * (MIB - 10) + b"\n", 100, "succeeded"),
    "lines of a million cells": Hostile(b"," * (MIB - 10) + b"\n", 30, "succeeded"),
    "rows with JSON of many numbers": Hostile(
        _line(b"A", b"1", b"0.5", b'"[' + b"1," * 30_000 + b'1]"', b"", b"", b""), 100, "succeeded"
    ),
    "one line": Hostile(b"x" * MIB, 100, "succeeded"),
    "one line in a quote": Hostile(b"x" * MIB, 100, "unreadable_file", start=b'"'),
    "one record of many lines": Hostile(b'x","y\n' * 100_000, 100, "unreadable_file", start=b'"'),
    "one quoted cell of many lines": Hostile(
        b'x""\n' * 100_000, 100, "unreadable_file", start=b'"'
    ),
    "blank lines": Hostile(b"\n" * MIB, 1, "succeeded"),
    "a bomb": Hostile(b"\0" * MIB, 160, "unreadable_file"),
    "very many bad rows": Hostile(b"A\n" * 100_000, 4, "succeeded"),
}


@dataclass(frozen=True)
class Measured:
    """The status of a file's import, and how many bytes the worker's memory grew during it."""

    status: dict[str, Any]
    growth: int


@pytest.fixture(scope="module")
def measured(
    tmp_path_factory: pytest.TempPathFactory, initialised_folder: Path
) -> dict[str, Measured]:
    """All files, imported in sequence by one worker process."""
    folder = tmp_path_factory.mktemp("memory") / "data"
    service = start_in(
        folder, initialised_folder, max_unpacked_bytes=MAX_UNPACKED, max_row_errors=1000
    )
    ids = dict(_uploaded(service))
    found = folder.with_suffix(".json")
    process = [sys.executable, "-m", "tests.importing.peaks", str(found)]
    subprocess.run(
        process, env=service.settings.child_environment(), stdout=subprocess.DEVNULL, check=True
    )
    growth = json.loads(found.read_bytes())
    return {
        name: Measured(service.status(import_id), growth[import_id])
        for name, import_id in ids.items()
    }


def _uploaded(service: Service) -> Iterator[tuple[str, str]]:
    for name, hostile in HOSTILE.items():
        answer = service.upload(hostile.packed(), "?on_error=skip", Content_Encoding="gzip")
        yield name, answer.json["import_id"]


@pytest.mark.parametrize("name", HOSTILE)
def test_memory_does_not_grow_with_a_file(measured: dict[str, Measured], name: str) -> None:
    assert measured[name].growth < MOST_GROWTH


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_ends_as_it_should(measured: dict[str, Measured], name: str) -> None:
    status = measured[name].status
    assert (status["error"] or {"code": status["status"]})["code"] == HOSTILE[name].outcome


def test_all_bad_rows_are_counted_and_the_first_are_kept(measured: dict[str, Measured]) -> None:
    status = measured["very many bad rows"].status
    assert (status["rows_read"], status["error_count"], status["errors_truncated"]) == (
        400_001,
        400_000,
        True,
    )
    assert status["error_summary"] == [
        {
            "field": None,
            "code": "wrong_cell_count",
            "count": 400_000,
            "first_lines": list(range(3, 13)),
        }
    ]
