"""PostgreSQL dies right after an upload is accepted, on a database with asynchronous commits."""

from pathlib import Path

import psycopg

from tests.e2e.processes import data_in, final_status, get, many_offers, serving, upload
from tests.postgres_server import PostgresServer, restartable_server

UPLOADS = 5
NOTHING_BY_ITSELF = ("-c", "wal_writer_delay=10s", "-c", "bgwriter_lru_maxpages=0")
"""The server writes an asynchronous commit to disk only every ten seconds."""


def _make_careless(server: PostgresServer) -> None:
    with psycopg.connect(server.url, autocommit=True) as session:
        session.execute("ALTER DATABASE postgres SET synchronous_commit = off")
        session.execute("CREATE TABLE notes (words text)")
        session.execute("CHECKPOINT")


def _note(server: PostgresServer) -> None:
    with psycopg.connect(server.url, autocommit=True) as session:
        session.execute("INSERT INTO notes VALUES ('of somebody else')")


def _notes(server: PostgresServer) -> int:
    with psycopg.connect(server.url) as session:
        return len(session.execute("SELECT * FROM notes").fetchall())


def test_no_acknowledged_upload_is_lost(tmp_path: Path) -> None:
    with restartable_server(*NOTHING_BY_ITSELF) as server:
        _make_careless(server)
        environment = data_in(tmp_path / "data") | {"GLYPHD_DATABASE_URL": server.url}
        with serving("--no-worker", environment=environment) as service:
            accepted = []
            for number in range(UPLOADS):
                sent = upload(
                    service.address, many_offers(20, price=1000 + number), Prefer="respond-async"
                )
                accepted.append(sent["import_id"])
                server.kill()
                server.start(*NOTHING_BY_ITSELF)
            known = [row["import_id"] for row in get(service.address, "/api/imports")]
        assert sorted(known) == sorted(accepted)
        with serving(environment=environment) as service:
            ended = [final_status(service.address, import_id) for import_id in accepted]
        assert [(one["status"], one["record_count"]) for one in ended] == [
            ("succeeded", 20)
        ] * UPLOADS


def test_a_commit_that_nobody_waits_for_is_lost(tmp_path: Path) -> None:
    """A control test: asynchronous commits are lost, so the service must not depend on them."""
    with restartable_server(*NOTHING_BY_ITSELF) as server:
        _make_careless(server)
        _note(server)
        server.kill()
        server.start()
        assert _notes(server) == 0
