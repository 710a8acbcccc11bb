"""`quantized_listings`: the quantization capacities of the events that have them."""

from collections.abc import Iterable, Iterator
from typing import Any

from peewee import Database, Node

from glyphd.contracts.columns import CAPACITIES
from glyphd.db.archive_models import QuantizedListing, ScoredListing
from glyphd.storage.comparing import Side, differences
from glyphd.storage.derived.facts import IMPORT_ID, Fact
from glyphd.storage.predecessors import Origin
from glyphd.storage.stage_tables import staged

_STORED = (QuantizedListing.model_7b, QuantizedListing.model_13b, QuantizedListing.model_70b)


class Capacities(Fact):
    def after_rows(self, database: Database, origin: Origin) -> Iterable[Node]:
        given = [getattr(staged.c, name) for name in CAPACITIES]
        rows = staged.select(IMPORT_ID, staged.c.import_index, *given)
        rows = rows.where(given[0].is_null(False)).order_by(staged.c.import_index)
        columns = [QuantizedListing.import_id, QuantizedListing.import_index, *_STORED]
        return [QuantizedListing.insert_from(rows, columns)]

    def faults_of(self, archive: Database, batch: Any) -> Iterator[str]:
        columns = ScoredListing._meta.columns
        has_some = columns[CAPACITIES[0]].is_null(False)
        events = ScoredListing.select(
            ScoredListing.import_index, *(columns[name] for name in CAPACITIES)
        )
        events = events.where(ScoredListing.import_id == batch.import_id, has_some)
        named = [column.alias(name) for column, name in zip(_STORED, CAPACITIES, strict=True)]
        quantized = QuantizedListing.select(QuantizedListing.import_index, *named)
        quantized = quantized.where(QuantizedListing.import_id == batch.import_id)
        yield from differences(
            archive, Side("the event", events), Side("quantized_listings", quantized), CAPACITIES
        )
