"""Peewee models of the archive. The migrations make the tables; a test and `glyphd check` hold both together.

The models belong to no database: a query is bound to the one it runs on (`query.bind(database)`), since one
process may hold the archive open twice, or several archives at once.
"""

from typing import TYPE_CHECKING

from peewee import (
    SQL,
    AutoField,
    BigIntegerField,
    BlobField,
    BooleanField,
    CompositeKey,
    DoubleField,
    ForeignKeyField,
    IntegerField,
    Model,
    SmallIntegerField,
    TextField,
)

from glyphd.db.fields import CaselessTextField, JsonTextField, TimeTextField


class ArchiveIdentity(Model):
    """The random id that archive and registry share."""

    archive_id = TextField(primary_key=True)

    class Meta:
        table_name = "archive_identity"


class SchemaVersion(Model):
    """One applied step of the archive's schema."""

    version = IntegerField(primary_key=True)
    name = TextField(unique=True)
    applied_at = TimeTextField()

    class Meta:
        table_name = "schema_version"


class ImportBatch(Model):
    """One committed import. `id` is the sequence number: a later import has the higher one."""

    id = AutoField()
    import_id = TextField(unique=True)
    imported_at = TimeTextField(unique=True)
    source = CaselessTextField(null=True)
    description = TextField(null=True)
    filename = TextField(null=True)
    sha256 = TextField(null=True)
    record_count = BigIntegerField()
    first_model = TextField(null=True)
    last_model = TextField(null=True)
    schema_version = IntegerField()
    result = JsonTextField()
    rolled_back_at = TimeTextField(null=True)
    last_seen_at = TimeTextField(null=True)

    class Meta:
        table_name = "import_batches"


class ScoredListing(Model):
    """One scoring event, for ever: everything the row said. Append-only but for what is derived: `is_current`, and
    `change_step`, which says how far the price moved from the observation before (null: nothing did).

    `first_event_id` is the id of the first event that the archive got of the listing: short, and growing with the
    archive, where `listing_id` is long and random.

    `id` grows with every import and falls with the record's number inside one, so that descending `id` is the
    reading order everywhere: later import first, then the file's own order.
    """

    id = BigIntegerField(primary_key=True)
    batch = ForeignKeyField(
        ImportBatch, field="import_id", column_name="import_id", object_id_name="import_id", index=False
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
    change_step = SmallIntegerField(null=True)
    first_event_id = BigIntegerField(null=True)

    class Meta:
        table_name = "scored_listings"


IS_CURRENT = ScoredListing.is_current == SQL("1")
"""Written as a literal: a bound parameter would keep both databases from using the partial indexes."""

ScoredListing.add_index(
    ScoredListing.index(
        ScoredListing.batch, ScoredListing.import_index.desc(), unique=True, name="scored_listings_by_import"
    )
)
ScoredListing.add_index(
    ScoredListing.index(ScoredListing.first_event_id, ScoredListing.seen_at, name="scored_listings_by_listing")
)
POSTGRESQL_INDEXES = (
    ScoredListing.index(
        ScoredListing.seen_at, ScoredListing.id, ScoredListing.is_current, name="scored_listings_by_time"
    ),
    ScoredListing.index(ScoredListing.model, ScoredListing.seen_at, name="scored_listings_current_by_model").where(
        IS_CURRENT
    ),
    ScoredListing.index(
        ScoredListing.change_step,
        ScoredListing.seen_at,
        ScoredListing.id,
        ScoredListing.model,
        ScoredListing.region,
        name="scored_listings_changes",
    ).where(ScoredListing.change_step.is_null(False)),
)
"""What `scored_listings` has on PostgreSQL alone; SQLITE_MODELS stand for it on SQLite."""


class EventByTime(Model):
    """The place of an event among all by time."""

    seen_at = TimeTextField()
    event_id = BigIntegerField()
    is_current = SmallIntegerField()

    class Meta:
        table_name = "events_by_time"
        primary_key = CompositeKey("seen_at", "event_id")
        without_rowid = True


class EventByModel(Model):
    """The place of an event among those of its model by time."""

    model = CaselessTextField()
    seen_at = TimeTextField()
    event_id = BigIntegerField()
    is_current = SmallIntegerField()

    class Meta:
        table_name = "events_by_model"
        primary_key = CompositeKey("model", "seen_at", "event_id")
        without_rowid = True


class ChangeByStep(Model):
    """The place of an event that changed something among those of its `change_step` by time."""

    change_step = SmallIntegerField()
    seen_at = TimeTextField()
    event_id = BigIntegerField()
    model = CaselessTextField()
    region = CaselessTextField(null=True)

    class Meta:
        table_name = "changes_by_step"
        primary_key = CompositeKey("change_step", "seen_at", "event_id")
        without_rowid = True


SQLITE_MODELS = (EventByTime, EventByModel, ChangeByStep)
"""Tables that the archive has on SQLite alone."""


class ListingKey(Model):
    """One listing: the 16 bytes of its `listing_id`, the event that is current, if one is, and its first one."""

    listing_id = BlobField(primary_key=True)
    current_event_id = BigIntegerField(null=True)
    first_event_id = BigIntegerField(null=True)

    class Meta:
        table_name = "listing_keys"
        without_rowid = True


class BatchChange(Model):
    """One rollback or restore of an import."""

    id = AutoField()
    batch = ForeignKeyField(
        ImportBatch, field="import_id", column_name="import_id", object_id_name="import_id", index=False
    )
    if TYPE_CHECKING:
        import_id: TextField  # what `object_id_name` adds
    kind = TextField()
    changed_at = TimeTextField(unique=True)
    reason = TextField(null=True)

    class Meta:
        table_name = "batch_changes"


class GPUModel(Model):
    """One GPU model with its latest known specs: those of the event it names. Derived, never the truth."""

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
    batch = ForeignKeyField(
        ImportBatch, field="import_id", column_name="import_id", object_id_name="import_id", index=False
    )
    if TYPE_CHECKING:
        import_id: TextField  # what `object_id_name` adds
    import_index = BigIntegerField()

    class Meta:
        table_name = "models"


class QuantizedListing(Model):
    """Quantization capacities of one event; only where the file had them."""

    batch = ForeignKeyField(
        ImportBatch, field="import_id", column_name="import_id", object_id_name="import_id", index=False
    )
    if TYPE_CHECKING:
        import_id: TextField  # what `object_id_name` adds
    import_index = BigIntegerField()
    model_7b = BigIntegerField()
    model_13b = BigIntegerField()
    model_70b = BigIntegerField()

    class Meta:
        table_name = "quantized_listings"
        primary_key = CompositeKey("batch", "import_index")
        without_rowid = True


ARCHIVE_MODELS = (
    ArchiveIdentity,
    SchemaVersion,
    ImportBatch,
    ScoredListing,
    ListingKey,
    BatchChange,
    GPUModel,
    QuantizedListing,
)
