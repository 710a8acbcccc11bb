"""`glyphd verify`: kept files against the archive, row by row."""

import gzip
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from glyphd.cli import main
from glyphd.contracts.gpu_listings import GPUListingDTO
from glyphd.db.archive_models import ImportBatch, ListingKey, ScoredListing
from glyphd.db.dialects import exclusive_write
from glyphd.settings import Settings
from glyphd.storage.comparing import MOST
from glyphd.storage.stores import DatabaseListingStore
from tests.service import offers
from tests.spoiling import CSV, FAULTS, Ledger, change_file, event_of, open_ledger


@pytest.fixture
def ledger(database_settings: Settings) -> Iterator[Ledger]:
    """An empty ledger, once on each of the two databases."""
    yield from open_ledger(database_settings)


@pytest.fixture
def sqlite_ledger(sqlite_settings: Settings) -> Iterator[Ledger]:
    """An empty ledger on SQLite, for what does not depend on the database."""
    yield from open_ledger(sqlite_settings)


def _verify(ledger: Ledger, *arguments: str) -> Result:
    url = ledger.settings.database_url
    environment = {"GLYPHD_DATABASE_URL": url} if url else {}
    command = ["verify", *arguments, "--data-dir", str(ledger.settings.data_dir)]
    return CliRunner().invoke(main, command, env=environment)


def _expected(status: dict[str, Any], lines: list[str]) -> list[str]:
    return [f"import {status['import_id']}: {line.format(**status)}" for line in lines]


def test_nothing_differs_in_a_sound_ledger(ledger: Ledger) -> None:
    """Every way of sending, every option that affects how a file is read, and every outcome of an
    import."""
    rolled_back = ledger.import_csv(CSV)
    ledger.post(f"/api/imports/{rolled_back['import_id']}/rollback", "", {})
    ledger.import_csv(gzip.compress(CSV.encode()), Content_Encoding="gzip")
    ledger.import_csv(
        CSV.replace("Acme", "Jürgen").replace(",", ";").encode("cp1252"), "?encoding=cp1252"
    )
    ledger.import_csv(CSV + "L4,$,1\n" + "L4,2400,0.7,EU,Acme,,,,,\n" * 2, "?on_error=skip")
    ledger.http.post_json(
        "/api/persist/listings", [{"model": "L4", "price": 1, "score": 1, "nvlink": True}] * 2
    )
    ledger.work()
    ledger.import_csv(CSV, "?dry_run=true")
    ledger.import_csv(offers("L4,$,1,,,"))
    DatabaseListingStore(ledger.archive).insert_listings(
        [GPUListingDTO(model="L4", price_usd=1, score=1)], "mine"
    )
    ledger.upload(CSV)
    found = _verify(ledger, "--all")
    told = "no difference: 8 kept files, 5 imports with 16 rows, 1 without a file\n"
    assert (found.exit_code, found.stdout, found.stderr) == (0, told, "")


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_precisely(sqlite_ledger: Ledger, name: str) -> None:
    spoil, lines = FAULTS[name]
    sqlite_ledger.import_csv(CSV)
    status = sqlite_ledger.import_csv(CSV)
    spoil(sqlite_ledger, status)
    found = _verify(sqlite_ledger, "--all")
    assert (found.exit_code, found.stdout.splitlines()) == (1, _expected(status, lines))


def test_every_fault_is_told_on_either_database(ledger: Ledger) -> None:
    imported = {name: ledger.import_csv(CSV) for name in FAULTS}
    for name, (spoil, _) in FAULTS.items():
        spoil(ledger, imported[name])
    told = [
        line for name, (_, lines) in FAULTS.items() for line in _expected(imported[name], lines)
    ]
    assert sorted(_verify(ledger, "--all").stdout.splitlines()) == sorted(told)


def test_another_identity_is_told(ledger: Ledger) -> None:
    status = ledger.import_csv(CSV)
    ledger.change(ScoredListing.update(listing_id=b"\1" * 16).where(event_of(status)))
    ledger.change(ListingKey.insert(listing_id=b"\1" * 16, current_event_id=None, first_event_id=1))
    (line,) = _verify(ledger, status["import_id"]).stdout.splitlines()
    assert "row 1 (line 2), listing_id: the file says " in line
    assert line.endswith(f'the archive says "{"01" * 16}"')


def test_a_changed_file_is_told_by_its_bytes_and_its_rows(sqlite_ledger: Ledger) -> None:
    status = sqlite_ledger.import_csv(CSV)
    change_file(sqlite_ledger, status, b"L40S,2400", b"L40S,2500")
    first, second = _verify(sqlite_ledger, "--all").stdout.splitlines()
    assert "the kept file has the SHA-256 " in first
    assert first.endswith(f"the registry says {status['sha256']}")
    assert second.endswith(
        "row 2 (line 3), price_usd: the file says 2500.0, the archive says 2400.0"
    )


def test_a_row_that_would_be_refused_now_is_told_with_its_reason(sqlite_ledger: Ledger) -> None:
    status = sqlite_ledger.import_csv(CSV)
    change_file(sqlite_ledger, status, b"L40S,2400", b"L40S,$400")
    lines = _verify(sqlite_ledger, "--all").stdout.splitlines()[1:]
    assert lines == _expected(
        status,
        [
            "row 2 (line 3): the file's row is refused: price_usd: is not a decimal number",
            "row 2 (line 3): only the archive has it",
        ],
    )


def test_a_file_that_became_unreadable_is_told_where(sqlite_ledger: Ledger) -> None:
    status = sqlite_ledger.import_csv(CSV)
    change_file(sqlite_ledger, status, b"L40S,2400", b'L40S,"240')
    line = _verify(sqlite_ledger, "--all").stdout.splitlines()[-1]
    assert "the kept file can't be read: the quote opened in the record at line 3" in line


@pytest.mark.parametrize("cut", [10, 100])
def test_a_file_cut_short_is_told(sqlite_ledger: Ledger, cut: int) -> None:
    status = sqlite_ledger.import_csv(gzip.compress(CSV.encode()), Content_Encoding="gzip")
    path = sqlite_ledger.path(status)
    path.write_bytes(path.read_bytes()[:-cut])
    lines = _verify(sqlite_ledger, "--all").stdout.splitlines()
    size = status["size_bytes"]
    assert lines[0].endswith(f"the kept file has {size - cut} bytes, the registry says {size}")
    assert "the kept file can't be read: the gzip data is damaged" in lines[2]


def test_long_values_are_cut_to_where_they_begin_to_differ(sqlite_ledger: Ledger) -> None:
    status = sqlite_ledger.import_csv(f"model,price_usd,score,title\nL4,1,1,{'x' * 900}\n")
    sqlite_ledger.change(ScoredListing.update(title="x" * 899 + "y").where(event_of(status)))
    (line,) = _verify(sqlite_ledger, "--all").stdout.splitlines()
    this, that = (f'…{"x" * 20}{letter}"' for letter in "xy")
    assert line.endswith(f"row 1 (line 2), title: the file says {this}, the archive says {that}")


def test_of_very_many_differences_the_first_are_told(sqlite_ledger: Ledger) -> None:
    spoilt, other = (
        sqlite_ledger.import_csv(offers(*["L4,1,1,,,"] * (MOST + 5))) for _ in range(2)
    )
    for status, many in ((spoilt, MOST + 1), (other, MOST)):
        rows = (ScoredListing.import_id == status["import_id"]) & (
            ScoredListing.import_index <= many
        )
        sqlite_ledger.change(ScoredListing.update(score=2).where(rows))
    lines = _verify(sqlite_ledger, "--all").stdout.splitlines()
    assert len(lines) == MOST + 1 + MOST
    assert (
        lines[MOST]
        == f"import {spoilt['import_id']}: and more; only the first {MOST} differences are shown"
    )


def test_only_the_imports_named_are_verified(sqlite_ledger: Ledger) -> None:
    sound, spoilt = sqlite_ledger.import_csv(CSV), sqlite_ledger.import_csv(CSV)
    sqlite_ledger.path(spoilt).unlink()
    assert _verify(sqlite_ledger, sound["import_id"]).exit_code == 0
    assert _verify(sqlite_ledger, sound["import_id"], spoilt["import_id"]).exit_code == 1


def test_the_file_of_an_import_that_failed_is_verified_too(sqlite_ledger: Ledger) -> None:
    status = sqlite_ledger.import_csv(offers("L4,$,1,,,"))
    assert _verify(sqlite_ledger, status["import_id"]).exit_code == 0
    change_file(sqlite_ledger, status, b"$", b"1")
    (line,) = _verify(sqlite_ledger, status["import_id"]).stdout.splitlines()
    assert "SHA-256" in line


def test_rows_of_an_import_that_failed_are_told(sqlite_ledger: Ledger) -> None:
    status = sqlite_ledger.import_csv(CSV)
    sqlite_ledger.alter(status["import_id"], status="failed")
    assert _verify(sqlite_ledger, "--all").stdout.splitlines() == _expected(
        status, ["failed, but in the archive"]
    )


@pytest.mark.parametrize("arguments", [[], ["--all", "1"]])
def test_what_to_verify_has_to_be_said_in_one_way(tmp_path: Path, arguments: list[str]) -> None:
    found = CliRunner().invoke(main, ["verify", *arguments, "--data-dir", str(tmp_path)])
    assert found.exit_code == 2
    assert "name the imports to verify, or use --all" in found.stderr


def test_an_import_that_nobody_knows_is_exit_code_2(sqlite_ledger: Ledger) -> None:
    found = _verify(sqlite_ledger, "nobody")
    assert (found.exit_code, found.stderr) == (2, "glyphd: there is no import nobody\n")


def test_no_ledger_is_exit_code_2(tmp_path: Path) -> None:
    found = CliRunner().invoke(main, ["verify", "--all", "--data-dir", str(tmp_path)])
    assert (found.exit_code, found.stderr.count("\n")) == (2, 1)


def test_it_does_not_wait_for_the_worker_that_writes(ledger: Ledger) -> None:
    status = ledger.import_csv(CSV)
    with ledger.archive.connection_context(), exclusive_write(ledger.archive):
        ledger.archive.execute(
            ImportBatch.update(source="x").where(ImportBatch.import_id == status["import_id"])
        )
        assert _verify(ledger, "--all").exit_code == 0


def test_it_leaves_nothing_behind(sqlite_ledger: Ledger) -> None:
    sqlite_ledger.import_csv(CSV)
    with sqlite_ledger.archive.connection_context():
        sqlite_ledger.archive.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    before = sqlite_ledger.settings.archive_path.read_bytes()
    _verify(sqlite_ledger, "--all")
    assert sqlite_ledger.settings.archive_path.read_bytes() == before
    assert list(sqlite_ledger.settings.scratch_dir.iterdir()) == []


def test_a_terminal_shows_how_far_it_is(sqlite_ledger: Ledger) -> None:
    sqlite_ledger.import_csv(CSV)
    ours, theirs = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "glyphd",
        "verify",
        "--all",
        "--data-dir",
        str(sqlite_ledger.settings.data_dir),
    ]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=theirs, text=True, check=True, timeout=60
    )
    shown = os.read(ours, 65536).decode()
    for end in (ours, theirs):
        os.close(end)
    assert done.stdout.startswith("no difference: ")
    assert "verifying" in shown
    assert "100%" in shown
