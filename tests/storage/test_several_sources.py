"""Offers without a URL that several sources list: each is compared with its own source's last
one."""

from typing import Any

from peewee import Database, Value

from glyphd.contracts.column_checks import CheckOptions
from glyphd.db.archive_models import ScoredListing
from glyphd.storage.batches import Batch
from glyphd.storage.change_steps import NEW_STEP
from glyphd.storage.derived.all_facts import FACTS
from glyphd.storage.predecessors import Origin, listings_to_renew
from glyphd.storage.staging import open_stage
from glyphd.storage.stores import staged_columns
from glyphd.storage.writing import write_batch
from tests.storage.listings import seen

ORIGIN = Origin(has_source=True, may_lack_names=False)
NOW = "2025-07-29T12:12:00.000000Z"
AFTER_ALL = Value(10_000)


def _import(archive: Database, import_id: str, source: str, offer: Any) -> list[Any]:
    """Imports one offer. Returns the first events of the listings that had to be renewed."""
    with open_stage(archive) as stage:
        for columns in staged_columns([offer], CheckOptions(NOW)):
            stage.add(columns)
        stage.complete()
        write_batch(archive, stage, Batch(import_id, source))
        renewed = listings_to_renew(ORIGIN, AFTER_ALL)
        return [row for query in renewed for row in archive.execute(query).fetchall()]


def test_an_offer_that_another_source_lists_too_is_compared_without_its_history(
    archive: Database,
) -> None:
    """Otherwise imports of two sources would become slower with every day."""
    sent = [("a", 100), ("b", 300), ("a", 150), ("b", 290), ("c", 90), ("a", 150)]
    for day, (source, price) in enumerate(sent, start=1):
        offer = seen(day, seller="Acme", price_usd=price)
        assert _import(archive, str(day), source, offer) == []
    steps = ScoredListing.select(ScoredListing.change_step, ScoredListing.is_current)
    found = archive.execute(steps.order_by(ScoredListing.id)).fetchall()
    # 50 %, 3.3 %, and no earlier one of this source.
    assert found == [(NEW_STEP, 0), (None, 0), (8, 0), (2, 0), (None, 0), (None, 1)]
    assert not [fault for fact in FACTS for fault in fact.faults(archive)]
