"""Determines which staged rows are separate offers, which repeat another one, and which are
successive observations.

Only rows whose identity occurs more than once in the file are considered. Without a `source_url`
each row is a separate offer. With one, rows that agree in everything but `seen_at` within one
observation are one offer listed repeatedly; an observation ends if the identity is not seen for an
hour. The offers of one observation are numbered by price, then by score, then in file order.

All of it happens in temporary tables, so that memory stays flat however many rows have one
identity.
"""

from collections.abc import Iterable

from peewee import Database, Table

from glyphd.contracts.cells import TextCell
from glyphd.contracts.columns import COLUMNS, POSITION
from glyphd.contracts.numeric_cells import IntegerCell
from glyphd.db.archive_models import Standing
from glyphd.db.dialects import analyze, first_half_of_sha256, microseconds_of
from glyphd.db.row_rewriting import Block, rewrite_rows
from glyphd.storage import repeats
from glyphd.storage.identity import IDENTITY_COLUMNS, ListingIds, numbered
from glyphd.storage.repeats import SEEN_AT, row_number

OBSERVATION_GAP = 3600 * 1_000_000
"""In microseconds: if an identity was not seen for this long, a new observation begins."""

TABLES = {
    "repeated_identities": """
        listing_id {blob}, identity {integer}, has_url {integer}, occurrences {integer},
        PRIMARY KEY (listing_id)""",
    **repeats.TABLES,
    "offers_without_url": """
        place {serial} PRIMARY KEY, identity {integer}, first_index {integer}, recency {text}""",
    "separate_offers": """
        identity {integer}, observation {integer}, price_usd {real}, score {real},
        first_index {integer}, content {integer}, recency {text},
        PRIMARY KEY (identity, observation, price_usd, score, first_index)""",
    "observations": """
        identity {integer}, observation {integer}, group_size {integer}, recency {text},
        anchor_index {integer}, first_place {integer}, PRIMARY KEY (identity, observation)""",
    "numbered_offers": """
        identity {integer}, observation {integer}, content {integer}, ordinal {integer},
        recency {text}, PRIMARY KEY (identity, observation, content)""",
    "last_words": """
        identity {integer}, ordinal {integer}, recency {text},
        PRIMARY KEY (identity, ordinal)""",
    "identity_texts": "identity {integer} PRIMARY KEY, said {text}",
    "staged_groups": """
        import_index {integer} PRIMARY KEY, identity {integer}, listing_id {blob},
        ordinal {integer}, group_size {integer}, observed_at {text}, standing {integer},
        is_several {integer}, word_index {integer}, anchor_index {integer}""",
    "ordered_ids": """
        listing_id {blob}, import_index {integer}, standing {integer},
        PRIMARY KEY (listing_id, import_index)""",
}
"""The intermediate results. Other modules use only `staged_groups`: one row for each staged row
whose identity occurs more than once. Its `listing_id` is null for the first offer of an identity,
whose staged row has it; its `observed_at` is null if it equals the row's `seen_at`. `is_several`:
the file has separate offers of its identity. `word_index` is the row with the file's latest
observation of the same listing, `anchor_index` that of the first offer of its identity.

An `identity` is the `import_index` of its first row. `offers_without_url` are sorted by identity,
then by number: the first one's `place` is the `first_place` of its observation, the others follow
without a gap. `content`, `recency`: see `repeats`.
"""

staged_groups = Table("staged_groups")

_FIND_IDENTITIES = """
INSERT INTO repeated_identities (listing_id, identity, has_url, occurrences)
SELECT found.listing_id, found.identity,
    CASE WHEN first.source_url IS NULL THEN 0 ELSE 1 END, found.occurrences
FROM (
    SELECT listing_id, MIN(import_index) AS identity, COUNT(*) AS occurrences
    FROM staged_rows GROUP BY listing_id HAVING COUNT(*) > 1
) AS found
JOIN staged_rows AS first ON first.import_index = found.identity ORDER BY found.listing_id"""

_SEPARATE_OBSERVATIONS = """
UPDATE repeated_rows SET observation = found.observation
FROM (
    SELECT import_index, SUM(begins) OVER (
        PARTITION BY identity ORDER BY recency ROWS UNBOUNDED PRECEDING
    ) AS observation
    FROM (
        SELECT import_index, identity, recency, CASE WHEN {moment} - LAG({moment}) OVER (
            PARTITION BY identity ORDER BY recency
        ) >= {gap} THEN 1 ELSE 0 END AS begins
        FROM repeated_rows
        WHERE identity IN (
            SELECT identity FROM repeated_rows GROUP BY identity
            HAVING {latest} - {earliest} >= {gap}
        )
    ) AS seen
) AS found
WHERE repeated_rows.import_index = found.import_index"""

_FIND_OFFERS_WITHOUT_URL = """
INSERT INTO offers_without_url (identity, first_index, recency)
SELECT found.identity, staged.import_index, staged.seen_at
FROM staged_rows AS staged
JOIN repeated_identities AS found ON found.listing_id = staged.listing_id
WHERE staged.source_url IS NULL
ORDER BY found.identity, staged.price_usd, staged.score, staged.import_index"""

_MEASURE_OBSERVATIONS_WITHOUT_URL = """
INSERT INTO observations (identity, observation, group_size, recency, anchor_index, first_place)
SELECT identity, 0, occurrences, (
    SELECT MAX(recency) FROM offers_without_url
    WHERE place BETWEEN first_place AND first_place + occurrences - 1
), (
    SELECT first_index FROM offers_without_url WHERE place = first_place
), first_place
FROM (
    SELECT identity, occurrences,
        CAST(SUM(occurrences) OVER (ORDER BY identity ROWS UNBOUNDED PRECEDING) AS BIGINT)
            - occurrences + 1 AS first_place
    FROM repeated_identities WHERE has_url = 0
) AS found ORDER BY identity"""

_FIND_OFFERS_WITH_URL = """
INSERT INTO separate_offers (identity, observation, price_usd, score, first_index, content, recency)
SELECT identity, observation, MIN(price_usd), MIN(score), MIN(first_index), content, MAX(recency)
FROM repeated_rows
GROUP BY identity, observation, content ORDER BY 1, 2, 3, 4, 5"""

_MEASURE_OBSERVATIONS_WITH_URL = """
INSERT INTO observations (identity, observation, group_size, recency, anchor_index)
SELECT identity, observation, COUNT(*), MAX(recency), (
    SELECT first.first_index FROM separate_offers AS first
    WHERE first.identity = offer.identity AND first.observation = offer.observation
    ORDER BY first.price_usd, first.score, first.first_index LIMIT 1
)
FROM separate_offers AS offer
GROUP BY identity, observation ORDER BY identity, observation"""

_NUMBER_OFFERS = """
INSERT INTO numbered_offers (identity, observation, content, ordinal, recency)
SELECT identity, observation, content, ROW_NUMBER() OVER (
    PARTITION BY identity, observation ORDER BY price_usd, score, first_index
), recency
FROM separate_offers"""

_FIND_LAST_WORDS = """
INSERT INTO last_words (identity, ordinal, recency)
SELECT identity, ordinal, MAX(recency) FROM numbered_offers GROUP BY identity, ordinal"""

_PLACE_IN_GROUP = "(offer.place - observed.first_place + 1)"

_OBSERVED_AT = "CASE WHEN observed.group_size > 1 AND {moment} <> {seen_at} THEN {moment} END"

_OBSERVED_AT_WITHOUT_URL = _OBSERVED_AT.format(moment="observed.recency", seen_at="offer.recency")

_OBSERVED_AT_WITH_URL = _OBSERVED_AT.format(
    moment=SEEN_AT.format(recency="observed.recency"),
    seen_at=SEEN_AT.format(recency="repeated.recency"),
)

_GROUP_ROWS_WITHOUT_URL = f"""
INSERT INTO staged_groups
SELECT offer.first_index, offer.identity, {{listing_id}}, {_PLACE_IN_GROUP}, observed.group_size,
    {_OBSERVED_AT_WITHOUT_URL}, {Standing.LAST:d}, 1,
    offer.first_index, observed.anchor_index
FROM offers_without_url AS offer
JOIN observations AS observed ON observed.identity = offer.identity
LEFT JOIN identity_texts AS named ON named.identity = offer.identity
ORDER BY offer.first_index"""

_GROUP_ROWS_WITH_URL = f"""
INSERT INTO staged_groups
SELECT repeated.import_index, repeated.identity, {{listing_id}}, offer.ordinal, observed.group_size,
    {_OBSERVED_AT_WITH_URL},
    CASE
        WHEN repeated.recency <> offer.recency THEN {Standing.REPEATED:d}
        WHEN offer.recency <> word.recency THEN {Standing.EARLIER:d}
        WHEN offer.observation < summed.last_observation THEN {Standing.LEFT_OUT:d}
        ELSE {Standing.LAST:d}
    END,
    summed.is_several, {row_number("word.recency")}, {row_number("anchor.recency")}
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
LEFT JOIN identity_texts AS named ON named.identity = repeated.identity
ORDER BY repeated.import_index"""

_GROUP_SAME_ROWS = f"""
INSERT INTO staged_groups
SELECT same.import_index, same.identity, last.listing_id, last.ordinal, last.group_size,
    last.observed_at, {Standing.REPEATED:d}, last.is_several, last.word_index, last.anchor_index
FROM same_rows AS same
JOIN last_same_rows AS looked_at ON looked_at.identity = same.identity
JOIN staged_groups AS last ON last.import_index = looked_at.import_index
WHERE same.import_index <> looked_at.import_index ORDER BY same.import_index"""

_FIRST_ROWS = f"""
SELECT staged.import_index, {", ".join(f"staged.{name}" for name in IDENTITY_COLUMNS)}
FROM staged_rows AS staged
JOIN (
    SELECT identity FROM observations GROUP BY identity HAVING MAX(group_size) > 1
) AS grouped ON grouped.identity = staged.import_index ORDER BY staged.import_index"""

_TYPES = {IntegerCell: "int8", TextCell: "text"}
_FIRST_ROW_TYPES = (
    "int8",
    *(_TYPES[type(COLUMNS[POSITION[name]].cell)] for name in IDENTITY_COLUMNS),
)


def group_rows(database: Database) -> bool:
    """Finds the groups among the staged rows; returns whether there are any.

    The stage needs an index on `listing_id`, which is that of the first offer of its identity.
    """
    _run(database, _FIND_IDENTITIES, "repeated_identities")
    kinds = {
        has_url
        for (has_url,) in database.execute_sql("SELECT DISTINCT has_url FROM repeated_identities")
    }
    if 1 in kinds:
        _find_offers_with_url(database)
    if 0 in kinds:
        _run(database, _FIND_OFFERS_WITHOUT_URL, "offers_without_url")
        _run(database, _MEASURE_OBSERVATIONS_WITHOUT_URL, "observations")
    if kinds:
        _write_down_identities(database)
    if 1 in kinds:
        numbered_id = _listing_id(database, "offer.ordinal")
        _run(database, _GROUP_ROWS_WITH_URL.format(listing_id=numbered_id), "staged_groups")
        _run(database, _GROUP_SAME_ROWS, "staged_groups")
    if 0 in kinds:
        numbered_id = _listing_id(database, _PLACE_IN_GROUP)
        _run(database, _GROUP_ROWS_WITHOUT_URL.format(listing_id=numbered_id), "staged_groups")
    return bool(kinds)


def _run(database: Database, statement: str, filled: str) -> None:
    database.execute_sql(statement)
    analyze(database, filled)


def _find_offers_with_url(database: Database) -> None:
    repeats.find_rows_with_url(database)
    _separate_observations(database)
    for statement, filled in (
        (_FIND_OFFERS_WITH_URL, "separate_offers"),
        (_MEASURE_OBSERVATIONS_WITH_URL, "observations"),
        (_NUMBER_OFFERS, "numbered_offers"),
        (_FIND_LAST_WORDS, "last_words"),
    ):
        _run(database, statement, filled)


def _listing_id(database: Database, ordinal: str) -> str:
    """SQL for the `listing_id` of an offer: every offer but the first of its identity has a
    separate one."""
    digest = first_half_of_sha256(database, numbered("named.said", ordinal))
    return f"CASE WHEN {ordinal} > 1 THEN {digest} END"


def _separate_observations(database: Database) -> None:
    moment, latest, earliest = (
        microseconds_of(database, SEEN_AT.format(recency=recency))
        for recency in ("recency", "MAX(recency)", "MIN(recency)")
    )
    statement = _SEPARATE_OBSERVATIONS.format(
        moment=moment, latest=latest, earliest=earliest, gap=OBSERVATION_GAP
    )
    _run(database, statement, "repeated_rows")


def _write_down_identities(database: Database) -> None:
    listing_ids = ListingIds()

    def write_down(block: Block) -> Iterable[tuple[int, str]]:
        identities, *values = zip(*block, strict=True)
        given = dict(zip(IDENTITY_COLUMNS, values, strict=True))
        return zip(identities, listing_ids.texts(given, len(block)), strict=True)

    rewrite_rows(
        database,
        _FIRST_ROWS,
        _FIRST_ROW_TYPES,
        into="identity_texts",
        columns=("identity", "said"),
        convert=write_down,
    )
    analyze(database, "identity_texts")
