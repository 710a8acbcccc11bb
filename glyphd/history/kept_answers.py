"""Reads the answers about the whole market that a worker has stored in the archive;
`market_summaries` lists them."""

import json
from collections.abc import Sequence
from typing import Any

from peewee import Database

from glyphd.contracts.fingerprints import fingerprint
from glyphd.db.archive_versions import archive_version
from glyphd.db.summary_models import MarketSummary

SOURCE_TOTALS = "source totals"


def kept_name(what: str, columns: Sequence[str]) -> str:
    """The name of an answer that consists of rows. It depends on their columns, so that one from a
    release with others is not used."""
    return f"{what} {fingerprint(columns)[:8]}"


def kept_answer(database: Database, name: str) -> Any:
    """The answer that is kept for the present; None if there is none. The caller holds the
    connection."""
    query = MarketSummary.select(MarketSummary.content).where(
        MarketSummary.name == name, MarketSummary.archive_version == archive_version(database)
    )
    row = database.execute(query).fetchone()
    return None if row is None else json.loads(row[0])
