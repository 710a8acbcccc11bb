"""A worker computes the answers about the whole market when it is idle."""

import time

import pytest
from peewee import Database

from glyphd.db.summary_models import MarketSummary
from tests.service import Service, offers
from tests.worker.conftest import MakeContext
from worker import idle_summaries
from worker.idle_summaries import IdleSummaries


@pytest.fixture
def idle(make_context: MakeContext, monkeypatch: pytest.MonkeyPatch) -> IdleSummaries:
    """Idle summaries for an archive that is large enough with a single import."""
    monkeypatch.setattr(idle_summaries, "SETTLED_SECONDS", 0.0)
    return IdleSummaries(make_context(), least=1)


def _kept(service: Service) -> int:
    archive = service.services.archive
    with archive.connection_context():
        return len(archive.execute(MarketSummary.select()).fetchall())


def test_it_computes_while_no_job_is_waiting(service: Service, idle: IdleSummaries) -> None:
    service.import_csv(offers("L4,2400,0.9,EU,Acme,2025-07-28"))
    service.upload(offers("L4,2300,0.9,EU,Acme,2025-07-29"))
    idle.look()
    assert _kept(service) == 0
    service.work()
    idle.look()
    assert _kept(service) == 6
    assert service.http.get("/api/stats?by=model").json[0]["max_price"] == 2300
    assert service.http.get("/api/models").json[0]["lowest_price"] == 2300


def test_it_rests_afterwards(
    service: Service, idle: IdleSummaries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle_summaries, "RESTS", 10_000)
    service.import_csv(offers("L4,2400,0.9,EU,Acme,2025-07-28"))
    idle.look()
    service.import_csv(offers("L4,2300,0.9,EU,Acme,2025-07-29"))
    idle.look()
    monkeypatch.setattr(idle, "_rests_until", 0.0)
    assert idle._is_due()


def test_it_waits_until_no_further_file_is_to_be_expected(
    service: Service, idle: IdleSummaries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle_summaries, "SETTLED_SECONDS", 3600.0)
    service.import_csv(offers("L4,2400,0.9,EU,Acme,2025-07-28"))
    idle.look()
    assert _kept(service) == 0


def test_a_job_that_arrives_interrupts_it(
    service: Service, idle: IdleSummaries, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.import_csv(offers("L4,2400,0.9,EU,Acme,2025-07-28"))
    endless = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n) SELECT MAX(n) FROM n"

    def compute(archive: Database, **_: object) -> None:
        service.upload(offers("L4,2300,0.9,EU,Acme,2025-07-29"))
        archive.execute_sql(endless).fetchall()

    monkeypatch.setattr(idle_summaries, "keep_summaries", compute)
    idle.look()
    assert _kept(service) == 0
    assert idle._rests_until < time.monotonic() + idle_summaries.TROUBLED_SECONDS / 2


def test_without_an_archive_it_says_nothing(
    service: Service, idle: IdleSummaries, capsys: pytest.CaptureFixture[str]
) -> None:
    """The jobs report what is wrong."""
    if service.settings.database_url is None:
        service.settings.archive_path.unlink()
    idle.look()
    assert "Traceback" not in capsys.readouterr().err
