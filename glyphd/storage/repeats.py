"""Finds equal rows of one identity with a `source_url`.

A row's `content` is the number of the first row of its identity that is equal except for `seen_at`.
Most rows are equal to their identity's first one, or have a unique price or score; the rest are
compared by a digest. `recency` is `seen_at` and the row's number: the greatest is the latest seen,
then the last in the file.
"""

from peewee import Database

from glyphd.contracts.columns import STORED_COLUMNS
from glyphd.db.dialects import analyze, equals_exactly, row_digest
from glyphd.storage.identity import IDENTITY_COLUMNS

_SAID = tuple(name for name in STORED_COLUMNS if name not in ("seen_at", *IDENTITY_COLUMNS))

TABLES = {
    "same_rows": "import_index {integer} PRIMARY KEY, identity {integer}",
    "last_same_rows": "identity {integer} PRIMARY KEY, import_index {integer}",
    "repeated_rows": """
        import_index {integer} PRIMARY KEY, identity {integer}, first_index {integer},
        observation {integer},
        content {integer}, price_usd {real}, score {real}, recency {text}""",
    "said_digests": "import_index {integer} PRIMARY KEY, identity {integer}, digest {blob}",
}
"""`same_rows` are equal to their identity's first one, including `seen_at`. Of these
`repeated_rows` has only the last one, with the first as its `first_index`; otherwise it has each
row with a URL whose identity occurs more than once."""

_NUMBER_BASE = 10**12
"""Added to a row's number, so that all have the same length as text."""

SEEN_AT = "SUBSTR({recency}, 1, 27)"

_REPEATED = """
FROM staged_rows AS staged
JOIN repeated_identities AS found ON found.listing_id = staged.listing_id
JOIN staged_rows AS first ON first.import_index = found.identity
WHERE staged.source_url IS NOT NULL"""

_FIND_SAME_ROWS = f"""
INSERT INTO same_rows (import_index, identity)
SELECT staged.import_index, found.identity {_REPEATED} AND staged.seen_at = first.seen_at
    AND {{says_the_same}}
ORDER BY staged.import_index"""

_FIND_LAST_SAME_ROWS = """
INSERT INTO last_same_rows (identity, import_index)
SELECT identity, MAX(import_index) FROM same_rows GROUP BY identity ORDER BY identity"""

_RECENCY = f"staged.seen_at || CAST({_NUMBER_BASE} + staged.import_index AS TEXT)"

_KEEP_LAST_SAME_ROWS = f"""
INSERT INTO repeated_rows (import_index, identity, first_index, observation, content,
    price_usd, score, recency)
SELECT staged.import_index, last.identity, last.identity, 0, last.identity, staged.price_usd,
    staged.score, {_RECENCY}
FROM last_same_rows AS last
JOIN staged_rows AS staged ON staged.import_index = last.import_index
ORDER BY staged.import_index"""

_KEEP_OTHER_ROWS = f"""
INSERT INTO repeated_rows (import_index, identity, first_index, observation, content,
    price_usd, score, recency)
SELECT staged.import_index, found.identity, staged.import_index, 0,
    CASE WHEN {{says_the_same}} THEN found.identity END, staged.price_usd, staged.score, {_RECENCY}
{_REPEATED} AND NOT EXISTS (SELECT 1 FROM same_rows AS same
    WHERE same.import_index = staged.import_index)
ORDER BY staged.import_index"""

_FIND_UNEQUALLED = """
UPDATE repeated_rows SET content = import_index
WHERE content IS NULL AND import_index IN (
    SELECT MIN(import_index) FROM repeated_rows WHERE content IS NULL
    GROUP BY identity, price_usd, score HAVING COUNT(*) = 1
)"""

_DIGEST_THE_REST = """
INSERT INTO said_digests (import_index, identity, digest)
SELECT rest.import_index, rest.identity, {digest}
FROM repeated_rows AS rest
JOIN staged_rows AS staged ON staged.import_index = rest.import_index
WHERE rest.content IS NULL ORDER BY rest.import_index"""

_FIND_EQUAL_DIGESTS = """
UPDATE repeated_rows SET content = found.content
FROM (
    SELECT import_index, MIN(import_index) OVER (PARTITION BY identity, digest) AS content
    FROM said_digests
) AS found
WHERE repeated_rows.import_index = found.import_index"""


def find_rows_with_url(database: Database) -> None:
    """Fills `repeated_rows`, all in one observation, and `same_rows`. Needs `repeated_identities`
    to be filled."""
    says_the_same = " AND ".join(
        equals_exactly(database, f"staged.{name}", f"first.{name}") for name in _SAID
    )
    digest = row_digest(database, [f"staged.{name}" for name in _SAID])
    for statement, filled in (
        (_FIND_SAME_ROWS, "same_rows"),
        (_FIND_LAST_SAME_ROWS, "last_same_rows"),
        (_KEEP_LAST_SAME_ROWS, "repeated_rows"),
        (_KEEP_OTHER_ROWS, "repeated_rows"),
        (_FIND_UNEQUALLED, "repeated_rows"),
        (_DIGEST_THE_REST, "said_digests"),
        (_FIND_EQUAL_DIGESTS, "repeated_rows"),
    ):
        database.execute_sql(statement.format(says_the_same=says_the_same, digest=digest))
        analyze(database, filled)


def row_number(recency: str) -> str:
    """SQL for the number of the row that has this recency."""
    return f"(CAST(SUBSTR({recency}, 28) AS BIGINT) - {_NUMBER_BASE})"
