"""The worker's own check for damage: when it is due, what it gives way to, and its consequences."""

from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import pytest

from glyphd.db.damage import DamageCheck
from glyphd.db.registry_models import IntegrityCheck, Worker
from glyphd.importing.integrity_log import IntegrityLog
from tests.damaging import overwrite_table
from tests.importing.jobs import add_job, from_now
from tests.service import Service, offers
from worker import quiet_check
from worker.quiet_check import QuietCheck

ROW = "L4,2400,0.7,EU,Acme,2025-07-29"
A_DAY = 24 * 3600


class Night:
    """A service in quiet hours: its last job was received an hour ago."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.is_suspect = Event()
        self.stopping = Event()
        self.integrity = IntegrityLog(service.services.registry)
        self.check = QuietCheck(service.services, self.is_suspect, self.stopping)
        self.import_id = service.import_csv(offers(ROW))["import_id"]
        service.alter(self.import_id, received_at=from_now(-3600))

    @property
    def results(self) -> list[str]:
        """The results of all checks, in order."""
        database = self.service.services.registry.database
        with database.connection_context():
            return [
                row.result
                for row in IntegrityCheck.select().order_by(IntegrityCheck.id).bind(database)
            ]

    def look(self) -> list[str]:
        self.check.look()
        return self.results

    def change(self, query: object) -> None:
        database = self.service.services.registry.database
        with database.connection_context():
            database.execute(query)

    def lose_worker(self) -> None:
        self.service.services.registry.greet("killed", "here", 1)
        self.change(Worker.update(heartbeat_at=from_now(-60)))

    def restart(self) -> None:
        """Another worker takes over."""
        self.check = QuietCheck(self.service.services, self.is_suspect, self.stopping)


@pytest.fixture
def night(service: Service) -> Night:
    return Night(service)


def test_what_was_never_checked_is_due(night: Night) -> None:
    assert night.look() == ["sound"]


def test_once_a_day_is_enough(night: Night) -> None:
    night.look()
    night.change(IntegrityCheck.update(checked_at=from_now(-A_DAY + 60)))
    assert night.look() == ["sound"]
    night.change(IntegrityCheck.update(checked_at=from_now(-A_DAY - 60)))
    assert night.look() == ["sound", "sound"]


def test_a_clock_that_was_set_back_does_not_put_it_off_for_ever(night: Night) -> None:
    night.look()
    night.change(IntegrityCheck.update(checked_at=from_now(30 * A_DAY)))
    assert night.look() == ["sound", "sound"]


@pytest.mark.parametrize("seconds_ago", [0, 20])
def test_it_waits_for_quiet(night: Night, seconds_ago: float) -> None:
    night.service.alter(night.import_id, received_at=from_now(-seconds_ago))
    assert night.look() == []


def test_after_an_unclean_end_it_does_not(night: Night) -> None:
    night.look()
    night.service.alter(night.import_id, received_at=from_now(0))
    assert night.look() == ["sound"]
    night.lose_worker()
    assert night.look() == ["sound", "sound"]
    assert night.look() == ["sound", "sound"]


def test_it_waits_for_imports_even_then(night: Night) -> None:
    night.lose_worker()
    add_job(night.service.services.registry, import_id="waiting")
    assert night.look() == []


def test_imports_do_not_put_it_off_for_ever(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    add_job(night.service.services.registry, import_id="waiting", received_at=from_now(-3600))
    assert night.look() == []
    monkeypatch.setattr(quiet_check, "PATIENCE_SECONDS", 0)
    assert night.look() == ["sound"]


def test_another_worker_that_checks_is_enough(night: Night) -> None:
    with night.service.services.locks.hold(0):
        assert night.look() == []


@pytest.mark.parametrize("path", ["archive_path", "registry_path"])
def test_damage_is_found(night: Night, path: str) -> None:
    damaged: Path = getattr(night.service.settings, path)
    overwrite_table(
        damaged, "scored_listings_by_listing" if path == "archive_path" else "jobs_by_sha256"
    )
    assert night.look() == ["damaged"]
    last = night.integrity.last()
    assert last is not None
    assert str(last.detail).startswith(path.removesuffix("_path"))


def test_damage_stays_until_a_check_in_full_finds_none(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    night.integrity.record(["archive: a job met this"])
    quick: list[bool] = []
    monkeypatch.setattr(quiet_check, "DamageCheck", _noting(quick))
    assert night.look() == ["damaged", "sound"]
    night.change(IntegrityCheck.update(checked_at=from_now(-A_DAY - 60)))
    night.look()
    assert quick == [False, True]


def test_damage_is_looked_at_again_at_the_next_start_and_every_hour(night: Night) -> None:
    overwrite_table(night.service.settings.archive_path, "scored_listings")
    assert night.look() == ["damaged"]
    assert night.look() == ["damaged"]
    night.change(IntegrityCheck.update(checked_at=from_now(-3601)))
    assert night.look() == ["damaged"] * 2
    night.restart()
    assert night.look() == ["damaged"] * 3


def test_what_a_job_could_not_explain_is_looked_into(night: Night) -> None:
    night.look()
    night.is_suspect.set()
    assert night.look() == ["sound", "sound"]
    assert not night.is_suspect.is_set()


def test_it_gives_way_to_an_import(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    _run_for_ever(monkeypatch, lambda: add_job(night.service.services.registry, import_id="new"))
    night.lose_worker()
    assert night.look() == []
    assert night.integrity.lost_workers() == ["killed"]


def test_it_gives_way_to_a_stop(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    _run_for_ever(monkeypatch, night.stopping.set)
    assert night.look() == []


def test_an_import_goes_on_while_it_is_under_way(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check has not noticed the import yet, and must not block it."""
    monkeypatch.setattr(quiet_check, "WATCH_SECONDS", 3600)
    begun, over = Event(), Event()
    monkeypatch.setattr(DamageCheck, "_lines", _holding(DamageCheck._lines, begun, over))
    thread = Thread(target=night.check.look)
    thread.start()
    assert begun.wait(30)
    try:
        assert night.service.import_csv(offers(ROW))["status"] == "succeeded"
    finally:
        over.set()
        thread.join()


def _noting(quick: list[bool]) -> type[DamageCheck]:
    class Noting(DamageCheck):
        def __init__(self, databases: object, *, quick: bool = False) -> None:
            noted.append(quick)
            super().__init__(databases, quick=quick)  # type: ignore[arg-type]

    noted = quick
    return Noting


def _run_for_ever(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]) -> None:
    """Makes checks endless, and calls `meanwhile` during each of them."""
    monkeypatch.setattr(quiet_check, "WATCH_SECONDS", 0.01)

    def endless(check: DamageCheck, database: object) -> object:
        meanwhile()
        connection = database.connection()  # type: ignore[attr-defined]
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT max(i) FROM n"
        )
        yield "it came to an end"

    monkeypatch.setattr(DamageCheck, "_lines", endless)


def _holding(lines: Callable[..., object], begun: Event, over: Event) -> Callable[..., object]:
    """A check that is in the middle of reading, and keeps its database open until `over` is set."""

    def held(check: DamageCheck, database: object) -> object:
        connection = database.connection()  # type: ignore[attr-defined]
        reading = connection.execute("SELECT * FROM sqlite_master")
        reading.fetchone()
        begun.set()
        assert over.wait(30)
        yield from lines(check, database)  # type: ignore[misc]

    return held
