"""After any sequence of imports, rollbacks and restores, the derived data is the same as if the
imports that now count had been imported one after another into an empty archive."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, strategies as st
from peewee import Database

from glyphd.contracts.gpu_listings import GPUListingDTO
from glyphd.db.archive_models import RESTORE, ROLLBACK, GPUModel, ListingKey, ScoredListing
from glyphd.db.connections import close_all, open_archive, open_archive_file
from glyphd.settings import Settings
from glyphd.storage.batch_changes import Change, change_batch
from glyphd.storage.stores import DatabaseListingStore
from tests.examples import examples
from tests.storage.listings import listing

Rows = list[GPUListingDTO]

offers = st.builds(
    lambda model, seller, price, score, day, vram: listing(
        model=model,
        seller=seller,
        price_usd=price,
        score=score,
        seen_at=f"2025-07-0{day}",
        vram_gb=vram,
    ),
    st.sampled_from(["L4", "l4", "A100"]),
    st.sampled_from([None, "x"]),
    st.sampled_from([0, 1, 1.1, 100]),
    st.sampled_from([0.5, 0.7]),
    st.integers(1, 3),
    st.sampled_from([None, 24, 48]),
)
imports = st.lists(st.lists(offers, min_size=1, max_size=4), min_size=1, max_size=4)
steps = st.lists(st.tuples(st.sampled_from([ROLLBACK, RESTORE]), st.integers(0, 3)), max_size=6)


@dataclass
class Story:
    """An archive and its history."""

    store: DatabaseListingStore
    imports: dict[str, Rows] = field(default_factory=dict)
    rolled_back: set[str] = field(default_factory=set)

    def take(self, rows: Rows) -> None:
        import_id = str(len(self.imports))
        self.store.insert_listings(rows, import_id)
        self.imports[import_id] = rows

    def change(self, kind: str, import_id: str) -> None:
        with self.store.database.connection_context():
            change_batch(self.store.database, Change(import_id, kind))
        (self.rolled_back.add if kind == ROLLBACK else self.rolled_back.discard)(import_id)


def derived(database: Database) -> dict[str, Any]:
    """The data derived from the events that count: flags and steps, keys, models."""
    with database.connection_context():
        events = database.execute(
            ScoredListing.select(
                ScoredListing.id,
                ScoredListing.import_id,
                ScoredListing.import_index,
                ScoredListing.is_current,
                ScoredListing.change_step,
            )
        ).fetchall()
        keys = database.execute(
            ListingKey.select(ListingKey.listing_id, ListingKey.current_event_id)
        ).fetchall()
        models = database.execute(
            GPUModel.select(
                GPUModel.canonical_model,
                GPUModel.vram_gb,
                GPUModel.seen_at,
                GPUModel.import_id,
                GPUModel.import_index,
            )
        ).fetchall()
    names = {event_id: (import_id, index) for event_id, import_id, index, *_ in events}
    return {
        "events": {names[event_id]: (current, step) for event_id, _, _, current, step in events},
        "keys": {bytes(key): names[current] for key, current in keys if current is not None},
        "models": sorted(models),
    }


def replayed(folder: Path, template: Path, story: Story) -> dict[str, Any]:
    """The derived data in a fresh archive that has only the imports that count."""
    path = folder / "replayed.sqlite"
    shutil.copy(template, path)
    fresh = DatabaseListingStore(open_archive_file(path, read_only=False))
    for import_id, rows in story.imports.items():
        if import_id not in story.rolled_back:
            fresh.insert_listings(rows, import_id)
    found = derived(fresh.database)
    ignored = {
        (import_id, index): (0, None)
        for import_id in story.rolled_back
        for index in range(1, len(story.imports[import_id]) + 1)
    }
    return found | {"events": found["events"] | ignored}


@pytest.fixture(scope="module")
def template(initialised_folder: Path) -> Path:
    """An empty archive to copy."""
    return initialised_folder / "gpu.sqlite"


@examples(20)
@given(imports=imports, steps=steps)
def test_every_story_ends_as_its_replay(
    template: Path, imports: list[Rows], steps: list[tuple[str, int]]
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "archive.sqlite"
        shutil.copy(template, path)
        story = Story(DatabaseListingStore(open_archive_file(path, read_only=False)))
        _tell(story, imports, steps)
        assert derived(story.store.database) == replayed(Path(folder), template, story)


@pytest.fixture
def archive_database(database_settings: Settings) -> Iterator[Database]:
    database = open_archive(database_settings, read_only=False)
    yield database
    close_all(database)


def test_each_database_tells_the_same_story(
    archive_database: Database, template: Path, tmp_path: Path
) -> None:
    story = Story(DatabaseListingStore(archive_database))
    days = [
        [
            listing(
                model=model,
                price_usd=price * day,
                score=day,
                seen_at=f"2025-07-0{day}",
                vram_gb=vram,
            )
        ]
        for day, model, price, vram in [
            (2, "L4", 1, 24),
            (3, "l4", 1.1, None),
            (1, "L4", 5, 48),
            (3, "A100", 0, 80),
        ]
    ]
    for rows in days:
        story.take(rows)
    for kind, import_id in [
        (ROLLBACK, "1"),
        (ROLLBACK, "0"),
        (RESTORE, "1"),
        (ROLLBACK, "3"),
        (RESTORE, "0"),
    ]:
        story.change(kind, import_id)
        assert derived(archive_database) == replayed(tmp_path, template, story)


def _tell(story: Story, imports: list[Rows], steps: list[tuple[str, int]]) -> None:
    """Applies one change after each import, and the rest at the end."""
    remaining = iter(steps)
    for rows in imports:
        story.take(rows)
        _change_next(story, remaining)
    while _change_next(story, remaining):
        continue


def _change_next(story: Story, remaining: Iterator[tuple[str, int]]) -> bool:
    step = next(remaining, None)
    if step is None:
        return False
    kind, number = step
    story.change(kind, str(number % len(story.imports)))
    return True
