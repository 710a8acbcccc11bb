"""Reads the answers about the whole market that a worker has stored in the archive;
`market_summaries` lists them."""

import json
from typing import Any

from peewee import Database

from glyphd.db.archive_versions import archive_version
from glyphd.db.summary_models import MarketSummary

MODELS = "models"
SOURCE_TOTALS = "source totals"


def stats_by(columns: tuple[str, ...]) -> str:
    """The name of the answer with the statistics in these groups."""
    return f"stats by {','.join(columns)}"


def kept_answer(database: Database, name: str) -> Any:
    """The answer that is kept for the present; None if there is none. The caller holds the
    connection."""
    query = MarketSummary.select(MarketSummary.content).where(
        MarketSummary.name == name, MarketSummary.archive_version == archive_version(database)
    )
    row = database.execute(query).fetchone()
    return None if row is None else json.loads(row[0])
