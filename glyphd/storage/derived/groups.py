"""`group_id`: the first event of the first offer of an identity, null for that offer itself.

It never changes.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from peewee import JOIN, Case, Database, fn

from glyphd.db.archive_models import ScoredListing
from glyphd.db.dialects import stream, uncommitted
from glyphd.storage.derived.facts import Fact, event_id
from glyphd.storage.identity import IDENTITY_COLUMNS, listing_id
from glyphd.storage.predecessors import Origin, anchors
from glyphd.storage.stage_tables import staged


class Groups(Fact):
    def row_columns(self, origin: Origin) -> Mapping[str, Any]:
        first_of_group = fn.COALESCE(anchors.c.first_event_id, event_id(staged.c.anchor_index))
        return {"group_id": Case(None, [(staged.c.ordinal > 1, first_of_group)], None)}

    def faults(self, archive: Database) -> Iterator[str]:
        event, first = ScoredListing, ScoredListing.alias("first")
        identity = [event._meta.columns[name] for name in IDENTITY_COLUMNS]
        named = (
            event.import_id,
            event.import_index,
            event.ordinal,
            event.group_id,
            first.listing_id,
            *identity,
        )
        joined = event.select(*named).join(first, JOIN.LEFT_OUTER, on=(first.id == event.group_id))
        in_groups = joined.where((event.ordinal > 1) | event.group_id.is_null(False))
        with uncommitted(archive):
            for import_id, row, ordinal, said, first_id, *values in stream(archive, in_groups):
                is_right = (
                    ordinal > 1
                    and first_id is not None
                    and bytes(first_id) == listing_id(values, 1)
                )
                if not is_right:
                    yield (
                        f"import {import_id}: row {row}, group_id: the archive says {said}, "
                        "which is not its group"
                    )
