"""PostgreSQL behind PgBouncer: session pooling works, transaction pooling is refused."""

import pytest

from glyphd.db.connections import close_all, open_archive
from glyphd.db.postgres_sessions import open_postgres
from glyphd.settings import Settings
from tests.e2e.processes import final_status, get, many_offers, run, serving, upload
from tests.pgbouncer import pooled


def test_imports_and_reads_through_pooled_sessions(empty_postgres_settings: Settings) -> None:
    with pooled(str(empty_postgres_settings.database_url), "session") as url:
        environment = {
            "GLYPHD_DATA_DIR": str(empty_postgres_settings.data_dir),
            "GLYPHD_DATABASE_URL": url,
        }
        with serving(environment=environment) as api:
            for edition in range(3):
                sent = upload(api.address, many_offers(50, price=1000 + edition))
                assert final_status(api.address, sent["import_id"])["status"] == "succeeded"
            found = get(api.address, "/api/listings?limit=100")
    assert len(found) == 50
    assert {row["price_usd"] for row in found} == {1002.0 + number for number in range(50)}


def test_a_session_is_as_glyphd_needs_it_behind_a_pooler(empty_postgres_settings: Settings) -> None:
    with pooled(str(empty_postgres_settings.database_url), "session") as url:
        settings = empty_postgres_settings.model_copy(update={"database_url": url})
        _change_database(settings, "SET statement_timeout = '7s'")
        archive = open_archive(settings, read_only=True)
        with archive.connection_context():
            shown = {
                name: archive.execute_sql(f"SHOW {name}").fetchone()[0]
                for name in ("timezone", "statement_timeout", "default_transaction_read_only")
            }
        close_all(archive)
    assert shown == {
        "timezone": "UTC",
        "statement_timeout": "0",
        "default_transaction_read_only": "on",
    }


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_pooled_transactions_are_refused(empty_postgres_settings: Settings, command: str) -> None:
    with pooled(str(empty_postgres_settings.database_url), "transaction") as url:
        environment = {
            "GLYPHD_DATA_DIR": str(empty_postgres_settings.data_dir),
            "GLYPHD_DATABASE_URL": url,
            "GLYPHD_PORT": "0",
        }
        ended = run(command, environment=environment)
    assert ended.returncode == 2
    assert "pool_mode = session" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def _change_database(settings: Settings, change: str) -> None:
    database = open_postgres(settings)
    with database.connection_context():
        (name,) = database.execute_sql("SELECT current_database()").fetchone()
        database.execute_sql(f'ALTER DATABASE "{name}" {change}')
