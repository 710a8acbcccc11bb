"""Peewee models of the archive. The migrations make the tables, and `glyphd check` compares them.

The models belong to no database: a query is bound to the one it runs on (`query.bind(database)`),
because one process can have the archive open twice, or several archives.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import TYPE_CHECKING

from peewee import (
    SQL,
    AutoField,
    BigIntegerField,
    BlobField,
    BooleanField,
    CompositeKey,
    DoubleField,
    Field,
    ForeignKeyField,
    IntegerField,
    Model,
    SmallIntegerField,
    TextField,
)

from glyphd.contracts.cells import BooleanCell, Cell, JsonCell, TextCell, TimeCell
from glyphd.contracts.columns import COLUMNS
from glyphd.contracts.numeric_cells import IntegerCell, NumberCell
from glyphd.db.absence_models import ABSENCE_MODELS
from glyphd.db.complete_models import CompleteSource
from glyphd.db.fields import CaselessTextField, JsonTextField, TimeTextField
from glyphd.db.identity_models import ArchiveIdentity, SchemaVersion
from glyphd.db.summary_models import SUMMARY_MODELS


class ImportBatch(Model):
    """One committed import. `id` is the sequence number: a later import has the higher one."""

    id = AutoField()
    import_id = TextField(unique=True)
    imported_at = TimeTextField(unique=True)
    source = CaselessTextField(null=True)
    description = TextField(null=True)
    filename = TextField(null=True)
    sha256 = TextField(null=True)
    rows_sha256 = TextField(null=True)
    record_count = BigIntegerField()
    first_model = TextField(null=True)
    last_model = TextField(null=True)
    schema_version = IntegerField()
    result = JsonTextField()
    rolled_back_at = TimeTextField(null=True)
    last_seen_at = TimeTextField(null=True)
    complete_at = TimeTextField(null=True)

    class Meta:
        table_name = "import_batches"


ImportBatch.add_index(
    ImportBatch.index(ImportBatch.complete_at, name="import_batches_complete").where(
        ImportBatch.complete_at.is_null(False)
    )
)


class ScoredListing(Model):
    """One scoring event, kept forever, with all values of its row. Append-only, except for derived
    columns: `is_current`, `is_indistinct` and `change_step`.

    `id` grows with every import and falls with the record's number inside one, so that descending
    `id` is the reading order everywhere: later import first, then the file's own order.

    `first_event_id` is the id of the listing's first event in the archive: it is short and grows
    with the archive, while `listing_id` is long and random. `group_id` is the same for the first
    offer of the same identity, and null for that offer itself.
    """

    id = BigIntegerField(primary_key=True)
    batch = ForeignKeyField(
        ImportBatch,
        field="import_id",
        column_name="import_id",
        object_id_name="import_id",
        index=False,
    )
    if TYPE_CHECKING:
        import_id: TextField  # what `object_id_name` adds
    import_index = BigIntegerField()
    line = BigIntegerField(null=True)
    byte_offset = BigIntegerField(null=True)
    byte_length = BigIntegerField(null=True)
    listing_id = BlobField()
    schema_version = SmallIntegerField()
    is_current = SmallIntegerField()

    model = CaselessTextField()
    price_usd = DoubleField()
    condition = CaselessTextField(null=True)
    quantity = BigIntegerField(null=True)
    availability = TextField(null=True)
    min_order_qty = BigIntegerField(null=True)
    seller = CaselessTextField(null=True)
    region = CaselessTextField(null=True)
    vram_gb = BigIntegerField(null=True)
    mig_capable = SmallIntegerField(null=True)
    tdp_watts = BigIntegerField(null=True)
    cuda_cores = BigIntegerField(null=True)
    slot_width = DoubleField(null=True)
    pcie_generation = DoubleField(null=True)
    nvlink = BooleanField(null=True)
    generation = TextField(null=True)
    form_factor = TextField(null=True)
    quantization_capacity_7b = BigIntegerField(null=True)
    quantization_capacity_13b = BigIntegerField(null=True)
    quantization_capacity_70b = BigIntegerField(null=True)
    score = DoubleField()
    heuristics = JsonTextField(null=True)
    seen_at = TimeTextField()
    source_url = TextField(null=True)
    source_type = CaselessTextField(null=True)
    title = TextField(null=True)
    extra = JsonTextField(null=True)

    ordinal = IntegerField()
    group_size = IntegerField()
    observed_at = TimeTextField(null=True)
    standing = SmallIntegerField()
    is_indistinct = SmallIntegerField()
    change_step = SmallIntegerField(null=True)
    first_event_id = BigIntegerField()
    group_id = BigIntegerField(null=True)

    class Meta:
        table_name = "scored_listings"


FIELDS: Mapping[type[Cell], type[Field]] = {
    TextCell: TextField,
    IntegerCell: BigIntegerField,
    NumberCell: DoubleField,
    BooleanCell: BooleanField,
    TimeCell: TimeTextField,
    JsonCell: JsonTextField,
}
"""The stored type of each kind of cell."""

for _column in COLUMNS:
    if _column.name not in ScoredListing._meta.columns:
        # A column that no code names: it is defined only by the row contract. Migrations add such
        # columns at the end.
        ScoredListing._meta.add_field(_column.name, FIELDS[type(_column.cell)](null=True))


class Standing(IntEnum):
    """The position of an event among those of the same offer in its own import."""

    LAST = 0
    """The import's latest observation of the listing."""
    LEFT_OUT = 1
    """The same, but a later observation in the import lists the identity without this offer."""
    EARLIER = 2
    """An earlier observation in the import."""
    REPEATED = 3
    """A row that repeats another one: stored, but ignored."""


IS_CURRENT = ScoredListing.is_current == SQL("1")
IS_INDISTINCT = ScoredListing.is_indistinct == SQL("1")
"""Written as literals, because with a bound parameter neither database would use the partial
indexes."""

ScoredListing.add_index(
    ScoredListing.index(
        ScoredListing.batch,
        ScoredListing.import_index.desc(),
        unique=True,
        name="scored_listings_by_import",
    )
)
ScoredListing.add_index(
    ScoredListing.index(
        ScoredListing.first_event_id, ScoredListing.seen_at, name="scored_listings_by_listing"
    )
)
ScoredListing.add_index(
    ScoredListing.index(ScoredListing.group_id, name="scored_listings_by_group").where(
        ScoredListing.group_id.is_null(False)
    )
)
ScoredListing.add_index(
    ScoredListing.index(ScoredListing.batch, name="scored_listings_indistinct").where(IS_INDISTINCT)
)
EVENT_REFERENCE = ("import_id", "import_index")
"""The columns by which other tables refer to an event."""

_OF_AN_EVENT = SQL(
    "FOREIGN KEY (import_id, import_index) REFERENCES scored_listings (import_id, import_index)"
)


class ListingKey(Model):
    """One listing: the 16 bytes of its `listing_id`, its latest observation that counts, if any,
    and its first one."""

    listing_id = BlobField(primary_key=True)
    current_event_id = BigIntegerField(null=True)
    first_event_id = BigIntegerField()

    class Meta:
        table_name = "listing_keys"
        without_rowid = True


ROLLBACK = "rollback"
RESTORE = "restore"
"""The kinds of changes."""


class BatchChange(Model):
    """One rollback or restore of an import."""

    id = AutoField()
    batch = ForeignKeyField(
        ImportBatch,
        field="import_id",
        column_name="import_id",
        object_id_name="import_id",
        index=False,
    )
    if TYPE_CHECKING:
        import_id: TextField  # what `object_id_name` adds
    kind = TextField()
    changed_at = TimeTextField(unique=True)
    reason = TextField(null=True)

    class Meta:
        table_name = "batch_changes"


class GPUModel(Model):
    """One GPU model with its latest known specs, and the event from which they come. Derived."""

    id = AutoField()
    canonical_model = CaselessTextField(unique=True)
    vram_gb = BigIntegerField(null=True)
    mig_capable = SmallIntegerField(null=True)
    tdp_watts = BigIntegerField(null=True)
    cuda_cores = BigIntegerField(null=True)
    slot_width = DoubleField(null=True)
    pcie_generation = DoubleField(null=True)
    nvlink = BooleanField(null=True)
    generation = TextField(null=True)
    form_factor = TextField(null=True)
    seen_at = TimeTextField()
    import_id = TextField()
    import_index = BigIntegerField()

    class Meta:
        table_name = "models"
        constraints = [_OF_AN_EVENT]


class QuantizedListing(Model):
    """Quantization capacities of one event, if the file had them."""

    import_id = TextField()
    import_index = BigIntegerField()
    model_7b = BigIntegerField()
    model_13b = BigIntegerField()
    model_70b = BigIntegerField()

    class Meta:
        table_name = "quantized_listings"
        constraints = [_OF_AN_EVENT]
        primary_key = CompositeKey("import_id", "import_index")
        without_rowid = True


REFER_TO_EVENTS = (GPUModel, QuantizedListing)

ARCHIVE_MODELS = (
    ArchiveIdentity,
    SchemaVersion,
    ImportBatch,
    ScoredListing,
    ListingKey,
    BatchChange,
    CompleteSource,
    *ABSENCE_MODELS,
    GPUModel,
    QuantizedListing,
    *SUMMARY_MODELS,
)
