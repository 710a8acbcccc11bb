"""What data a step of the schema would drop."""

from collections.abc import Callable

from peewee import Database

BOOKKEEPING = {
    "archive_identity",
    "archive_migrations",
    "event_feed",
    "registry_identity",
    "registry_migrations",
    "schema_version",
    "sessions",
    "workers",
}
"""Tables about the database itself, about processes, or about who is signed in: their rows contain
nothing that a client sent."""
DERIVED = {
    "changes_by_step",
    "complete_sources",
    "events_by_model",
    "events_by_model.price_usd",
    "events_by_model.score",
    "events_by_time",
    "import_batches.last_seen_at",
    "jobs.imported_at",
    "listing_keys.first_event_id",
    "market_summaries",
    "offers_back",
    "offers_gone",
    "peer_groups",
    "peer_prices",
    "scored_listings.change_step",
    "scored_listings.first_event_id",
}
"""Tables and columns that the next step up fills again from others, or whose data is also stored
elsewhere."""


def losses_of(database: Database, step: Callable[[], object]) -> list[str]:
    """The tables and columns (`table.column`) whose data `step` would drop.

    The step is applied and then rolled back, so that no migration needs to declare what it drops.
    Call it in a transaction.
    """
    before = _columns(database)
    with database.atomic() as savepoint:
        step()
        after = _columns(database)
        savepoint.rollback()
    gone = before.keys() - after.keys() - DERIVED
    tables = [table for table in gone if _any_row(database, table)]
    columns = [
        f"{table}.{column}"
        for table in before.keys() & after.keys()
        for column in before[table] - after[table]
        if f"{table}.{column}" not in DERIVED
        and _any_row(database, table, f'WHERE "{column}" IS NOT NULL')
    ]
    return sorted(tables + columns)


def _columns(database: Database) -> dict[str, set[str]]:
    tables = [table for table in database.get_tables() if table not in BOOKKEEPING]
    return {table: {column.name for column in database.get_columns(table)} for table in tables}


def _any_row(database: Database, table: str, where: str = "") -> bool:
    return database.execute_sql(f'SELECT 1 FROM "{table}" {where} LIMIT 1').fetchone() is not None
