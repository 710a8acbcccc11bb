"""A read that meets damage gets a 503 with a code of its own, and no internal details."""

from contextlib import contextmanager

import pytest

from glyphd.db.connections import close_all
from glyphd.settings import Settings
from tests.damaging import overwrite_table
from tests.db.postgres_damage import damaged_copy
from tests.service import Service, offers, problem
from tests.spoiling import open_ledger

_opened = contextmanager(open_ledger)
ROW = "L4,1,1,EU,Acme,2025-01-01"


@pytest.mark.parametrize(
    ("table", "path"),
    [
        ("scored_listings", "/api/listings"),
        ("scored_listings", "/api/listings?history=true&sort=price_usd"),
        ("import_batches", "/api/listings"),
        ("import_batches", "/api/models"),
        ("events_by_model", "/api/models"),
    ],
)
def test_an_archive_that_is_damaged_is_503(service: Service, table: str, path: str) -> None:
    service.import_csv(offers(ROW))
    close_all(service.services.archive)
    overwrite_table(service.settings.archive_path, table)
    answer = service.http.get(path, status=503)
    found = problem(answer)
    assert (found["code"], "glyphd check" in found["detail"]) == ("database_damaged", True)
    assert str(service.settings.data_dir) not in answer.text


def test_a_text_that_is_none_is_503(service: Service) -> None:
    """SQLite's own check finds no fault: the page is sound."""
    service.import_csv(offers(ROW))
    close_all(service.services.archive)
    path = service.settings.archive_path
    overwrite_table(path, "models")  # this also copies the log into the file
    path.write_bytes(path.read_bytes().replace(b"Acme", b"Ac\xffe"))
    assert service.refusal("/api/listings", 503)["code"] == "database_damaged"


def test_a_registry_that_is_damaged_is_503(service: Service) -> None:
    import_id = service.import_csv(offers(ROW))["import_id"]
    overwrite_table(service.settings.registry_path, "jobs")
    assert service.refusal(f"/api/imports/{import_id}", 503)["code"] == "database_damaged"
    refused = service.post("/api/import", offers(ROW), {"Content-Type": "text/csv"}, status=503)
    assert problem(refused)["code"] == "database_damaged"


def test_a_page_that_postgresql_can_not_read_is_503(postgres_settings: Settings) -> None:
    with _opened(postgres_settings) as ledger:
        ledger.import_csv(offers(ROW))
    with damaged_copy(postgres_settings, "scored_listings") as damaged, _opened(damaged) as ledger:
        assert ledger.refusal("/api/listings", 503)["code"] == "database_damaged"
