"""The API reads from a standby, and no client notices."""

from collections.abc import Callable
from typing import Any

import pytest

from glyphd.db.postgres_sessions import open_postgres
from glyphd.settings import Settings
from tests.e2e.processes import until
from tests.postgres_pair import PostgresPair
from tests.service import Service, offers, open_service
from tests.standby.conftest import close_service, is_on_standby

ROWS = (
    "L4,2400,0.7,EU,Acme,2025-07-29",
    "L4,2300,0.6,US,Rack,2025-07-29",
    "H100,30000,0.9,EU,Acme,2025-07-29",
)
LATER = ("L4,2200,0.8,EU,Acme,2025-07-30",)
PATHS = (
    "/api/listings",
    "/api/listings?limit=2",
    "/api/listings?history=1&model=L4&sort=-seen_at",
    "/api/listings?format=csv",
    "/api/models",
    "/api/models/L4",
    "/api/models/L4/history",
    "/api/deltas",
)


def test_every_answer_equals_the_primarys(reader: Service, pair: PostgresPair) -> None:
    first = reader.import_csv(offers(*ROWS))
    second = reader.import_csv(offers(*LATER))
    pair.catch_up()
    primary = open_service(reader.settings.model_copy(update={"read_url": None}))
    diff = f"/api/imports/{first['import_id']}/diff/{second['import_id']}?kind=changed"
    source = f"/api/listings/{reader.listings()[0]['listing_id']}/source"
    for path in (*PATHS, diff, source):
        assert is_on_standby(reader)
        there, here = (one.http.get(path) for one in (primary, reader))
        assert (there.status, there.body) == (here.status, here.body), path
        assert there.headers.get("ETag") == here.headers.get("ETag")
    close_service(primary)


def test_an_import_that_has_succeeded_is_found_while_the_standby_is_behind(
    reader: Service, pair: PostgresPair
) -> None:
    before = reader.import_csv(offers(*ROWS))
    pair.catch_up()
    seen = reader.http.get("/api/listings").headers["ETag"]
    other = open_service(reader.settings)
    pair.ask_standby("SELECT pg_wal_replay_pause()")
    try:
        status = reader.import_csv(offers(*LATER))
        for service in (reader, other):
            assert len(service.listings(f"?import_id={status['import_id']}")) == len(LATER)
            changed = service.http.get("/api/listings", headers={"If-None-Match": seen})
            assert changed.status_code == 200
            assert not is_on_standby(service)
        assert "the standby is behind" in _warning(reader)
        reader.http.post(f"/api/imports/{before['import_id']}/rollback", headers=_JSON)
        reader.work()
        assert {row["price_usd"] for row in other.listings()} == {2200}
    finally:
        pair.ask_standby("SELECT pg_wal_replay_resume()")
    pair.catch_up()
    assert is_on_standby(reader)
    assert reader.http.get("/api/ready").json["warnings"] == []
    close_service(other)


@pytest.mark.parametrize("is_cancelled", [True, False], ids=["cancelled", "terminated"])
def test_a_read_that_the_standby_ends_is_answered_by_the_primary(
    reader: Service, pair: PostgresPair, monkeypatch: pytest.MonkeyPatch, is_cancelled: bool
) -> None:
    reader.import_csv(offers(*ROWS))
    expected = reader.http.get("/api/listings?sort=price_usd").json
    pair.catch_up()
    archive = reader.services.archive
    blow = _cancel_readers if is_cancelled else _terminate_readers
    execute: Callable[..., Any] = archive.execute_sql
    answered = _AfterFirstRead(lambda: blow(pair, reader.settings), execute)
    monkeypatch.setattr(archive, "execute_sql", answered)
    assert reader.http.get("/api/listings?sort=-price_usd").json == expected[::-1]
    assert answered.is_dealt


def test_a_standby_that_is_gone_or_frozen_hinders_nobody(
    reader: Service, pair: PostgresPair
) -> None:
    pair.ask_primary("ALTER SYSTEM RESET synchronous_standby_names")
    pair.ask_primary("SELECT pg_reload_conf()")
    reader.import_csv(offers(*ROWS))
    pair.catch_up()
    assert is_on_standby(reader)
    pair.standby.freeze()
    assert len(reader.listings()) == len(ROWS)
    pair.standby.kill()
    assert len(reader.listings()) == len(ROWS)
    assert reader.import_csv(offers(*LATER))["status"] == "succeeded"
    assert "the standby does not answer" in _warning(reader)
    pair.restart_standby()
    until(lambda: is_on_standby(reader))
    assert 2200 in {row["price_usd"] for row in reader.listings()}


_JSON = {"Content-Type": "application/json"}


def _warning(service: Service) -> str:
    """The warning of `/api/ready`; the service is nevertheless ready."""
    service.greet()
    (warning,) = service.http.get("/api/ready").json["warnings"]
    return str(warning)


class _AfterFirstRead:
    """Deals a blow once, after the first read of a table, while the transaction holds its lock."""

    def __init__(self, blow: Callable[[], None], execute: Callable[..., Any]) -> None:
        self.is_dealt = False
        self._blow = blow
        self._execute = execute

    def __call__(self, sql: str, *arguments: Any, **options: Any) -> Any:
        found = self._execute(sql, *arguments, **options)
        if "import_batches" in sql and not self.is_dealt:
            self.is_dealt = True
            self._blow()
        return found


def _cancel_readers(pair: PostgresPair, settings: Settings) -> None:
    """Locks the table that is being read; the standby can only replay this without readers."""
    admin = open_postgres(settings)
    with admin.connection_context(), admin.atomic():
        admin.execute_sql("LOCK TABLE import_batches IN ACCESS EXCLUSIVE MODE")
    pair.catch_up()


def _terminate_readers(pair: PostgresPair, settings: Settings) -> None:
    name = str(settings.read_url).partition("?")[0].rpartition("/")[2]
    pair.ask_standby(
        f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"
    )
