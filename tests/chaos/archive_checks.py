"""Checks of the whole archive in SQL, not through the API: nothing twice, nothing extra, and every
flag as it should be."""

from collections.abc import Mapping

from tests.chaos.clusters import Cluster
from tests.chaos.files import GivenFile
from tests.chaos.tallies import Findings

DOUBLED = (
    "SELECT import_id, import_index FROM scored_listings GROUP BY import_id, import_index "
    "HAVING COUNT(*) > 1"
)

FAULTS = {
    "an event is current that is not its listing's latest, or the latest is not": """
        SELECT COUNT(*) FROM (
          SELECT events.is_current, ROW_NUMBER() OVER (
            PARTITION BY events.listing_id ORDER BY events.seen_at DESC, batches.id DESC) AS place
          FROM scored_listings AS events JOIN import_batches AS batches
          ON batches.import_id = events.import_id
          WHERE events.standing < 3 AND NOT EXISTS (
            SELECT 1 FROM scored_listings AS offer
            WHERE offer.group_id = COALESCE(events.group_id, events.first_event_id))
        ) AS ranked WHERE (place = 1) <> (is_current = 1)""",
    "an offer of a group is not current although the latest import lists it": """
        SELECT COUNT(*) FROM scored_listings AS events
        WHERE events.import_id = (SELECT import_id FROM import_batches ORDER BY id DESC LIMIT 1)
          AND events.standing = 0 AND events.is_current = 0 AND NOT EXISTS (
            SELECT 1 FROM scored_listings AS later
            WHERE COALESCE(later.group_id, later.first_event_id) = COALESCE(events.group_id,
            events.first_event_id)
              AND later.seen_at > events.seen_at)""",
    "a row that repeats another is current": """
        SELECT COUNT(*) FROM scored_listings WHERE standing = 3 AND is_current = 1""",
    "a listing key names no event of its own": """
        SELECT COUNT(*) FROM listing_keys AS keys
        LEFT JOIN scored_listings AS events ON events.id = keys.current_event_id
        WHERE events.id IS NULL OR events.listing_id <> keys.listing_id""",
    "a current event has no listing key": """
        SELECT COUNT(*) FROM scored_listings AS events WHERE events.is_current = 1 AND NOT EXISTS (
          SELECT 1 FROM listing_keys AS keys WHERE keys.current_event_id = events.id)""",
    "capacities stand beside no event that has them, or differ": """
        SELECT COUNT(*) FROM quantized_listings AS quantized
        LEFT JOIN scored_listings AS events
          ON events.import_id = quantized.import_id AND events.import_index = quantized.import_index
        WHERE events.quantization_capacity_7b IS NULL
          OR events.quantization_capacity_7b <> quantized.model_7b
          OR events.quantization_capacity_13b <> quantized.model_13b
          OR events.quantization_capacity_70b <> quantized.model_70b""",
    "imported_at does not grow from import to import": """
        SELECT COUNT(*) FROM import_batches AS batches JOIN import_batches AS later
        ON later.id > batches.id AND later.imported_at <= batches.imported_at""",
    "an event's model is not among the models": """
        SELECT COUNT(*) FROM scored_listings AS events
        WHERE NOT EXISTS (SELECT 1 FROM models WHERE models.canonical_model = events.model)""",
}
"""Each query counts the cases of one fault; every count must be 0."""


def archive_faults(cluster: Cluster, expected: Mapping[str, GivenFile]) -> Findings:
    """Where the archive differs from the files of all its imports."""
    found = Findings()
    twice = cluster.archive_rows(DOUBLED)
    if twice:
        found.doubled.append(f"{len(twice)} records are in the archive twice")
    held = dict(
        cluster.archive_rows("SELECT import_id, COUNT(*) FROM scored_listings GROUP BY import_id")
    )
    wanted = {import_id: len(file.rows) for import_id, file in expected.items() if file.succeeds}
    for import_id in sorted(held.keys() | wanted.keys()):
        _compare_counts(import_id, held.get(import_id, 0), wanted.get(import_id, 0), found)
    batches = {str(row[0]) for row in cluster.archive_rows("SELECT import_id FROM import_batches")}
    if batches != wanted.keys():
        found.wrong.append(
            f"batches that should not be, or are missing: {sorted(batches ^ wanted.keys())}"
        )
    capacities = sum(len(file.written_rows) for file in expected.values() if file.has_capacities)
    if cluster.archive_rows("SELECT COUNT(*) FROM quantized_listings") != [(capacities,)]:
        found.wrong.append(f"there should be capacities of {capacities} events")
    for fault, sql in FAULTS.items():
        times = cluster.archive_rows(sql)[0][0]
        if times:
            found.wrong.append(f"{fault}: {times} times")
    return found


def _compare_counts(import_id: str, held: int, wanted: int, found: Findings) -> None:
    if held != wanted:
        faults = found.lost if held < wanted else found.doubled if wanted else found.wrong
        faults.append(f"import {import_id} has {held} rows in the archive, not {wanted}")
