"""Which staged rows are separate offers, which repeat another row, and which were observed one after the other.

Only rows whose identity occurs more than once in the file are looked at. Without a `source_url` each row is an offer
of its own. With one, rows that agree in all but `seen_at` within one observation are one offer listed repeatedly; an
observation ends where the identity is not seen for an hour. The offers of one observation are numbered by price, then
by score, then in file order.

All of it happens in temporary tables, so that memory stays flat however many rows have one identity.
"""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import islice
from typing import Any

from peewee import SQL, Database, Table
from pydantic_core import to_json

from glyphd.contracts.listings import STORED_COLUMNS
from glyphd.contracts.memos import Memo
from glyphd.db.archive_models import Standing
from glyphd.db.dialects import add_rows, change_rows, is_sqlite, stream
from glyphd.storage.identity import IDENTITY_COLUMNS, ListingIds
from glyphd.times import microseconds

OBSERVATION_GAP = 3600 * 1_000_000
"""Microseconds. An identity that was not seen for so long is observed again."""

CHUNK_ROWS = 1000
_CONTENT_BYTES = 16
_SAID = tuple(name for name in STORED_COLUMNS if name not in ("seen_at", *IDENTITY_COLUMNS))
_PRICE, _SCORE = _SAID.index("price_usd"), _SAID.index("score")
_ROW_COLUMNS = (
    "import_index",
    "identity",
    "observation",
    "content",
    "price_usd",
    "score",
    "moment",
    "recency",
)

TABLES = {
    "repeated_identities": "listing_id {blob} PRIMARY KEY, identity {integer}",
    "repeated_rows": """
        import_index {integer} PRIMARY KEY, identity {integer}, observation {integer}, content {blob},
        price_usd {real}, score {real}, moment {integer}, recency {text}""",
    "separate_offers": """
        identity {integer}, observation {integer}, price_usd {real}, score {real}, first_index {integer},
        content {blob}, recency {text},
        PRIMARY KEY (identity, observation, price_usd, score, first_index)""",
    "observations": """
        identity {integer}, observation {integer}, group_size {integer}, recency {text},
        PRIMARY KEY (identity, observation)""",
    "numbered_offers": """
        identity {integer}, observation {integer}, content {blob}, ordinal {integer}, recency {text},
        PRIMARY KEY (identity, observation, content)""",
    "last_words": """
        identity {integer}, ordinal {integer}, recency {text},
        PRIMARY KEY (identity, ordinal)""",
    "staged_groups": """
        import_index {integer} PRIMARY KEY, ordinal {integer}, group_size {integer}, observed_at {text},
        standing {integer}, is_several {integer}, word_index {integer}, anchor_index {integer}""",
}
"""What is found out, step by step. Others use `staged_groups` alone: one row for each staged row whose identity occurs
more than once. `is_several`: the file has separate offers of its identity. `word_index` is the row with the file's last
word on the same listing, `anchor_index` the one with that on the first offer of its identity.

An `identity` is the `import_index` of its first row. `content` is a digest of all that a row says beside its identity
and `seen_at`, null where each row is an offer of its own. `recency` is `seen_at` and the row's `import_index`: the
greatest is the latest seen, then the last in the file.
"""

staged_groups = Table("staged_groups")

_FIND_IDENTITIES = """
INSERT INTO repeated_identities (listing_id, identity)
SELECT listing_id, MIN(import_index) FROM staged_listings
WHERE listing_id IN (SELECT listing_id FROM staged_listings GROUP BY listing_id HAVING COUNT(*) > 1)
GROUP BY listing_id ORDER BY listing_id"""

_SEPARATE_OBSERVATIONS = f"""
UPDATE repeated_rows SET observation = found.observation
FROM (
    SELECT import_index, SUM(begins) OVER (
        PARTITION BY identity ORDER BY moment, import_index ROWS UNBOUNDED PRECEDING
    ) AS observation
    FROM (
        SELECT import_index, identity, moment, CASE WHEN moment - LAG(moment) OVER (
            PARTITION BY identity ORDER BY moment, import_index
        ) >= {OBSERVATION_GAP} THEN 1 ELSE 0 END AS begins
        FROM repeated_rows
        WHERE identity IN (
            SELECT identity FROM repeated_rows GROUP BY identity
            HAVING MAX(moment) - MIN(moment) >= {OBSERVATION_GAP}
        )
    ) AS seen
) AS found
WHERE repeated_rows.import_index = found.import_index"""

_FIND_OFFERS_WITHOUT_URL = """
INSERT INTO separate_offers (identity, observation, price_usd, score, first_index, recency)
SELECT found.identity, 0, staged.price_usd, staged.score, staged.import_index, staged.seen_at
FROM staged_listings AS staged
JOIN repeated_identities AS found ON found.listing_id = staged.listing_id
WHERE staged.source_url IS NULL ORDER BY 1, 2, 3, 4, 5"""

_FIND_OFFERS_WITH_URL = """
INSERT INTO separate_offers (identity, observation, price_usd, score, first_index, content, recency)
SELECT identity, observation, MIN(price_usd), MIN(score), MIN(import_index), content, MAX(recency)
FROM repeated_rows
GROUP BY identity, observation, content ORDER BY 1, 2, 3, 4, 5"""

_MEASURE_OBSERVATIONS = """
INSERT INTO observations (identity, observation, group_size, recency)
SELECT identity, observation, COUNT(*), MAX(recency) FROM separate_offers
GROUP BY identity, observation ORDER BY identity, observation"""

_NUMBERED = """
SELECT identity, observation, content, recency, first_index, ROW_NUMBER() OVER offers AS ordinal,
    FIRST_VALUE(first_index) OVER offers AS anchor_index
FROM separate_offers
WINDOW offers AS (PARTITION BY identity, observation ORDER BY price_usd, score, first_index)"""

_NUMBER_OFFERS = f"""
INSERT INTO numbered_offers (identity, observation, content, ordinal, recency)
SELECT identity, observation, content, ordinal, recency FROM ({_NUMBERED}) AS numbered
WHERE content IS NOT NULL"""

_FIND_LAST_WORDS = """
INSERT INTO last_words (identity, ordinal, recency)
SELECT identity, ordinal, MAX(recency) FROM numbered_offers GROUP BY identity, ordinal"""

_OBSERVED_AT = "CASE WHEN observed.group_size > 1 THEN SUBSTR(observed.recency, 1, 27) END"

_GROUP_ROWS_WITHOUT_URL = f"""
INSERT INTO staged_groups
SELECT numbered.first_index, numbered.ordinal, observed.group_size, {_OBSERVED_AT}, {Standing.LAST:d}, 1,
    numbered.first_index, numbered.anchor_index
FROM ({_NUMBERED}) AS numbered
JOIN observations AS observed
    ON observed.identity = numbered.identity AND observed.observation = numbered.observation
WHERE numbered.content IS NULL ORDER BY numbered.first_index"""

_WORD_INDEX = "CAST(SUBSTR({table}.recency, 28) AS BIGINT)"

_GROUP_ROWS_WITH_URL = f"""
INSERT INTO staged_groups
SELECT repeated.import_index, offer.ordinal, observed.group_size, {_OBSERVED_AT},
    CASE
        WHEN repeated.recency <> offer.recency THEN {Standing.REPEATED:d}
        WHEN offer.recency <> word.recency THEN {Standing.EARLIER:d}
        WHEN offer.observation < summed.last_observation THEN {Standing.LEFT_OUT:d}
        ELSE {Standing.LAST:d}
    END,
    summed.is_several, {_WORD_INDEX.format(table="word")}, {_WORD_INDEX.format(table="anchor")}
FROM repeated_rows AS repeated
JOIN numbered_offers AS offer
    ON offer.identity = repeated.identity AND offer.observation = repeated.observation
    AND offer.content = repeated.content
JOIN observations AS observed
    ON observed.identity = repeated.identity AND observed.observation = repeated.observation
JOIN last_words AS word ON word.identity = repeated.identity AND word.ordinal = offer.ordinal
JOIN last_words AS anchor ON anchor.identity = repeated.identity AND anchor.ordinal = 1
JOIN (
    SELECT identity, MAX(observation) AS last_observation,
        CASE WHEN MAX(group_size) > 1 THEN 1 ELSE 0 END AS is_several
    FROM observations GROUP BY identity
) AS summed ON summed.identity = repeated.identity
ORDER BY repeated.import_index"""

_STEPS = (
    _SEPARATE_OBSERVATIONS,
    _FIND_OFFERS_WITHOUT_URL,
    _FIND_OFFERS_WITH_URL,
    _MEASURE_OBSERVATIONS,
    _NUMBER_OFFERS,
    _FIND_LAST_WORDS,
    _GROUP_ROWS_WITHOUT_URL,
    _GROUP_ROWS_WITH_URL,
)

_MARK_STAGED = """
UPDATE staged_listings
SET ordinal = found.ordinal, group_size = found.group_size, standing = found.standing,
    observed_at = CASE WHEN found.observed_at <> staged_listings.seen_at THEN found.observed_at END
FROM staged_groups AS found WHERE staged_listings.import_index = found.import_index"""


def open_groups(database: Database) -> None:
    """Makes the tables, empty, on the current connection."""
    words = {"integer": "BIGINT", "real": "DOUBLE PRECISION", "blob": "BYTEA", "text": 'TEXT COLLATE "C"'}
    if is_sqlite(database):
        words = {"integer": "INTEGER", "real": "REAL", "blob": "BLOB", "text": "TEXT"}
    for table, columns in TABLES.items():
        keyed = " WITHOUT ROWID" if is_sqlite(database) and "PRIMARY KEY (" in columns else ""
        database.execute_sql(f"CREATE TEMPORARY TABLE {table} ({columns.format_map(words)}){keyed}")


def drop_groups(database: Database) -> None:
    """Removes the tables, if they are there."""
    for table in TABLES:
        database.execute_sql(f"DROP TABLE IF EXISTS {table}")


def group_rows(database: Database) -> bool:
    """Finds the groups among the staged rows; returns whether there are any.

    The stage needs an index on `listing_id`, which is that of the first offer of its identity until then.
    """
    database.execute_sql(_FIND_IDENTITIES)
    if database.execute_sql("SELECT 1 FROM repeated_identities LIMIT 1").fetchone() is None:
        return False
    _find_rows_with_url(database)
    for statement in _STEPS:
        database.execute_sql(statement)
    return True


def mark_staged(database: Database) -> None:
    """Notes on the staged rows what `group_rows` found. An index on their `listing_id` would only make it slower."""
    database.execute_sql(_MARK_STAGED)
    _set_listing_ids(database)


def _find_rows_with_url(database: Database) -> None:
    """A row is known by a digest of what it says: to compare it with all others would take each of its columns."""
    moment = Memo(microseconds)
    names = ("found.identity", "staged.seen_at", *(f"staged.{name}" for name in _SAID))
    joined = "JOIN repeated_identities AS found ON found.listing_id = staged.listing_id"
    for chunk in _chunks(database, names, f"{joined} WHERE staged.source_url IS NOT NULL"):
        rows = (
            (index, identity, 0, _digest(said), said[_PRICE], said[_SCORE], moment[seen_at], f"{seen_at}{index:012d}")
            for index, identity, seen_at, *said in chunk
        )
        add_rows(database, "repeated_rows", _ROW_COLUMNS, rows)


def _set_listing_ids(database: Database) -> None:
    """Every offer but the first of its identity has an id of its own."""
    listing_ids = ListingIds()
    names = ("ordinal", *IDENTITY_COLUMNS)
    for chunk in _chunks(database, [f"staged.{name}" for name in names], "WHERE staged.ordinal > 1"):
        indexes, ordinals, *identity = zip(*chunk, strict=True)
        ids = listing_ids(dict(zip(IDENTITY_COLUMNS, identity, strict=True)), ordinals)
        change_rows(database, "staged_listings", "listing_id", "import_index", zip(ids, indexes, strict=True))


def _chunks(database: Database, columns: Sequence[str], where: str) -> Iterator[list[tuple[Any, ...]]]:
    """Some columns of staged rows, behind their `import_index`, in file order."""
    query = f"SELECT staged.import_index, {', '.join(columns)} FROM staged_listings AS staged {where}"
    rows = stream(database, SQL(f"{query} ORDER BY staged.import_index"))
    while chunk := list(islice(rows, CHUNK_ROWS)):
        yield chunk


def _digest(said: Sequence[Any]) -> bytes:
    return blake2b(to_json(said), digest_size=_CONTENT_BYTES).digest()
