"""Zeros have no sign, however they were sent and whichever database stores them."""

import json
from collections.abc import Iterator
from threading import Event

import pytest

from glyphd.db.connections import close_all, open_archive
from glyphd.settings import Settings
from tests.service import Service, open_service
from worker.context import WorkerContext
from worker.run_job import run_job

ZEROS = ["-0", "-0.0", "-0e9", "-1e-400"]


@pytest.fixture
def any_service(database_settings: Settings) -> Iterator[Service]:
    """A fresh service, once on each of the two databases."""
    service = open_service(database_settings)
    yield service
    close_all(service.services.registry.database)
    close_all(service.services.archive)


def test_a_negative_zero_in_a_csv_comes_back_without_its_sign(any_service: Service) -> None:
    any_service.upload("model,price_usd,score\n" + "".join(f"A,{zero},{zero}\n" for zero in ZEROS))
    _work(any_service)
    _assert_unsigned(any_service, len(ZEROS))


def test_a_negative_zero_as_json_comes_back_without_its_sign(any_service: Service) -> None:
    rows = (
        b'[{"model":"A","price_usd":-0.0,"score":-0.0},{"model":"A","price_usd":-0,"score":"-0"}]'
    )
    any_service.post(
        "/api/persist/listings",
        rows,
        {"Content-Type": "application/json", "Prefer": "respond-async"},
        status=202,
    )
    _work(any_service)
    _assert_unsigned(any_service, 2)


def _work(service: Service) -> None:
    """Does what a worker does, with an archive that is closed afterwards."""
    archive = open_archive(service.settings, read_only=False)
    for job in service.services.registry.unfinished():
        run_job(WorkerContext(service.services, archive, Event()), job.id)
    close_all(archive)


def _assert_unsigned(service: Service, count: int) -> None:
    found = [
        json.dumps([row["price_usd"], row["score"]]) for row in service.listings("?min_score=-0.0")
    ]
    assert found == ["[0.0, 0.0]"] * count
