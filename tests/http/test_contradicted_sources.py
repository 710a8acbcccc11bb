"""The content of a kept file is compared with the archive before it is sent: any contradiction is
reported instead."""

import gzip
from typing import Any

import pytest

from glyphd.db.archive_models import ListingKey, ScoredListing
from glyphd.db.connections import open_archive
from glyphd.db.registry_models import Job
from tests.http.test_source import ROW, _refused
from tests.service import Service, offers


def _change_events(service: Service, **values: Any) -> None:
    archive = open_archive(service.settings, read_only=False)
    with archive.connection_context():
        archive.execute(ScoredListing.update(**values))


def _change_keys(service: Service, **values: Any) -> None:
    archive = open_archive(service.settings, read_only=False)
    with archive.connection_context():
        archive.execute(ListingKey.update(**values))


def _kept_name(service: Service) -> str:
    """The name of the only upload."""
    (name,) = (name for name in service.kept() if not name.endswith(".json"))
    return name


def _change_file(service: Service, old: bytes, new: bytes) -> None:
    name = _kept_name(service)
    service.services.uploads.put(name, service.kept_bytes(name).replace(old, new))


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"price_usd": 1.5}, "price_usd"),
        ({"seller": "ACME"}, "seller"),
        ({"region": None, "score": 0.1}, "region, score"),
        ({"seen_at": "2025-07-30T00:00:00.000000Z"}, "seen_at"),
        ({"heuristics": "{}"}, "heuristics"),
        ({"byte_offset": 0}, "is not a row"),
        ({"byte_offset": 43}, "byte_offset"),
        ({"byte_offset": 45, "byte_length": 30}, "model"),
        ({"byte_length": 5}, "refused"),
        ({"byte_length": 500}, "byte_length"),
        ({"byte_offset": 500}, "byte_length"),
    ],
)
def test_an_archive_that_says_otherwise_is_told_and_nothing_answered(
    service: Service, values: dict[str, Any], named: str
) -> None:
    service.import_csv(offers(ROW))
    _change_events(service, **values)
    found = _refused(service, 500)
    assert (found["code"], found["row"], found["line"]) == ("source_mismatch", 1, 2)
    assert named in found["detail"]


def test_a_listing_id_that_is_not_the_row_s_is_told(service: Service) -> None:
    service.import_csv(offers(ROW))
    _change_events(service, listing_id=b"\1" * 16)
    _change_keys(service, listing_id=b"\1" * 16)
    assert _refused(service, 500)["detail"].endswith(": listing_id")


@pytest.mark.every_way
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"2400", b"2500"),
        (b"L4", b"L5"),
        (b"price_usd", b"price_eur"),
        (ROW.encode(), b'"'),
        (ROW.encode(), b""),
    ],
)
def test_a_file_that_says_otherwise_is_told(service: Service, old: bytes, new: bytes) -> None:
    service.import_csv(offers(ROW))
    _change_file(service, old, new)
    assert _refused(service, 500)["code"] == "source_mismatch"


@pytest.mark.every_way
def test_damaged_gzip_is_told(service: Service) -> None:
    service.import_csv(gzip.compress(offers(ROW).encode()), Content_Encoding="gzip")
    name = _kept_name(service)
    service.services.uploads.put(name, service.kept_bytes(name)[:-30])
    found = _refused(service, 500)
    assert (found["code"], "gzip" in found["detail"]) == ("source_mismatch", True)


@pytest.mark.every_way
def test_a_missing_file_is_told(service: Service) -> None:
    status = service.import_csv(offers(ROW))
    service.services.uploads.delete(_kept_name(service))
    found = _refused(service, 500)
    assert (found["code"], found["import_id"]) == ("source_missing", status["import_id"])
    assert str(service.settings.data_dir) not in found["detail"]


def test_an_import_that_the_registry_lost_is_told(service: Service) -> None:
    service.import_csv(offers(ROW))
    database = service.services.registry.database
    with database.connection_context():
        database.execute(Job.delete())
    assert _refused(service, 500)["code"] == "source_missing"
