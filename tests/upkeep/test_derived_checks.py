"""`glyphd verify --all` also checks what is derived from the events, and reports differences."""

import sqlite3
from contextlib import closing

import pytest
from click.testing import CliRunner

from glyphd.cli import main
from tests.service import Service
from tests.upkeep.stories import live


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (
            "UPDATE scored_listings SET is_current = 1 - is_current WHERE model = 'T4'",
            "is_current: the archive says 0",
        ),
        (
            "UPDATE scored_listings SET change_step = 3 WHERE model = 'T4'",
            "change_step: the archive says 3",
        ),
        (
            "UPDATE listing_keys SET current_event_id = 99999 WHERE current_event_id IS NOT NULL",
            "listing_keys has",
        ),
        ("DELETE FROM listing_keys", "listing_keys lacks the latest event"),
        ("DELETE FROM listing_keys", "listing_keys lacks the first event"),
        (
            "UPDATE listing_keys SET first_event_id = 99999",
            "listing_keys has another first event 99999",
        ),
        (
            "UPDATE scored_listings SET first_event_id = 7 WHERE model = 'T4'",
            "first_event_id: the archive says 7",
        ),
        (
            "UPDATE scored_listings SET is_indistinct = 1 - is_indistinct",
            "is_indistinct: the archive says",
        ),
        (
            "UPDATE scored_listings SET group_id = 7 WHERE model = 'T4'",
            "group_id: the archive says 7",
        ),
        (
            "INSERT INTO complete_sources VALUES ('one', 'x', '2025', 1, 2)",
            "complete_sources: it has one, x, 2025, 1, 2",
        ),
        (
            "INSERT INTO offers_gone VALUES ('2025', 1, 'x')",
            "offers_gone: it has 2025, 1, x",
        ),
        ("INSERT INTO offers_back VALUES ('2025', 1)", "offers_back: it has 2025, 1"),
        ("DELETE FROM events_by_time", "events_by_time: it lacks 20"),
        (
            "UPDATE events_by_model SET is_current = 1 - is_current WHERE model = 'T4'",
            "events_by_model: it has T4, 20",
        ),
        ("UPDATE events_by_model SET score = score + 1", "events_by_model: it lacks"),
        ("UPDATE events_by_model SET price_usd = price_usd + 1", "events_by_model: it lacks"),
        (
            "INSERT INTO changes_by_step VALUES (3, '2025', 1, 'T4', NULL)",
            "changes_by_step: it has 3, 2025, 1, T4, None",
        ),
        ("UPDATE models SET vram_gb = 3 WHERE canonical_model = 'T4'", "model T4: models says (3,"),
        ("DELETE FROM models", "model T4: models says None"),
        (
            "UPDATE scored_listings SET price_usd = 1 WHERE model = 'T4'",
            "price_usd: the file says 700.0",
        ),
        (
            "UPDATE scored_listings SET title = 'x' WHERE import_index = 2",
            'title: the file says null, the archive says "x"',
        ),
    ],
)
def test_names_what_was_altered(service: Service, statement: str, told: str) -> None:
    live(service)
    with closing(sqlite3.connect(service.settings.archive_path)) as archive, archive:
        archive.execute(statement)
    result = CliRunner().invoke(
        main, ["verify", "--all", "--data-dir", str(service.settings.data_dir)]
    )
    assert (result.exit_code, told in result.output) == (1, True), result.output
