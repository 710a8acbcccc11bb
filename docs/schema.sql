-- The schema of glyphd on SQLite, as its migrations make it.
-- Written by `python -m glyphd.db.schema_sql > docs/schema.sql`; a test holds it to the migrations.

-- gpu.sqlite

CREATE TABLE archive_identity (
    archive_id TEXT NOT NULL PRIMARY KEY
);

CREATE TABLE schema_version (
    version INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    applied_at TEXT NOT NULL
);

CREATE UNIQUE INDEX schemaversion_name ON schema_version (name);

CREATE TABLE import_batches (
    id INTEGER NOT NULL PRIMARY KEY,
    import_id TEXT NOT NULL,
    imported_at TEXT NOT NULL,
    source TEXT COLLATE NOCASE,
    description TEXT,
    filename TEXT,
    sha256 TEXT,
    record_count INTEGER NOT NULL,
    first_model TEXT,
    last_model TEXT,
    schema_version INTEGER NOT NULL,
    result TEXT NOT NULL,
    rolled_back_at TEXT
, last_seen_at TEXT);

CREATE UNIQUE INDEX importbatch_import_id ON import_batches (import_id);

CREATE UNIQUE INDEX importbatch_imported_at ON import_batches (imported_at);

CREATE TABLE scored_listings (
    id INTEGER NOT NULL PRIMARY KEY,
    import_id TEXT NOT NULL,
    import_index INTEGER NOT NULL,
    line INTEGER,
    byte_offset INTEGER,
    byte_length INTEGER,
    listing_id BLOB NOT NULL,
    schema_version INTEGER NOT NULL,
    is_current INTEGER NOT NULL CHECK (is_current IN (0, 1)),
    model TEXT COLLATE NOCASE NOT NULL,
    price_usd REAL NOT NULL,
    condition TEXT COLLATE NOCASE,
    quantity INTEGER,
    availability TEXT,
    min_order_qty INTEGER,
    seller TEXT COLLATE NOCASE,
    region TEXT COLLATE NOCASE,
    vram_gb INTEGER,
    mig_capable INTEGER,
    tdp_watts INTEGER,
    cuda_cores INTEGER,
    slot_width REAL,
    pcie_generation REAL,
    nvlink INTEGER,
    generation TEXT,
    form_factor TEXT,
    quantization_capacity_7b INTEGER,
    quantization_capacity_13b INTEGER,
    quantization_capacity_70b INTEGER,
    score REAL NOT NULL,
    heuristics TEXT,
    seen_at TEXT NOT NULL,
    source_url TEXT,
    source_type TEXT COLLATE NOCASE,
    title TEXT, change_step INTEGER, first_event_id INTEGER,
    FOREIGN KEY (import_id) REFERENCES import_batches (import_id)
);

CREATE UNIQUE INDEX scored_listings_by_import ON scored_listings (import_id, import_index DESC);

CREATE TABLE listing_keys (
    listing_id BLOB NOT NULL PRIMARY KEY,
    current_event_id INTEGER
, first_event_id INTEGER) WITHOUT ROWID;

CREATE TABLE batch_changes (
    id INTEGER NOT NULL PRIMARY KEY,
    import_id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('rollback', 'restore')),
    changed_at TEXT NOT NULL,
    reason TEXT,
    FOREIGN KEY (import_id) REFERENCES import_batches (import_id)
);

CREATE UNIQUE INDEX batchchange_changed_at ON batch_changes (changed_at);

CREATE TABLE models (
    id INTEGER NOT NULL PRIMARY KEY,
    canonical_model TEXT COLLATE NOCASE NOT NULL,
    vram_gb INTEGER,
    mig_capable INTEGER,
    tdp_watts INTEGER,
    cuda_cores INTEGER,
    slot_width REAL,
    pcie_generation REAL,
    nvlink INTEGER,
    generation TEXT,
    form_factor TEXT,
    seen_at TEXT NOT NULL,
    import_id TEXT NOT NULL,
    import_index INTEGER NOT NULL,
    FOREIGN KEY (import_id) REFERENCES import_batches (import_id)
);

CREATE TABLE quantized_listings (
    import_id TEXT NOT NULL,
    import_index INTEGER NOT NULL,
    model_7b INTEGER NOT NULL,
    model_13b INTEGER NOT NULL,
    model_70b INTEGER NOT NULL,
    PRIMARY KEY (import_id, import_index),
    FOREIGN KEY (import_id) REFERENCES import_batches (import_id)
) WITHOUT ROWID;

CREATE UNIQUE INDEX gpumodel_canonical_model ON models (canonical_model);

CREATE TABLE "archive_migrations" ("id" INTEGER NOT NULL PRIMARY KEY, "name" VARCHAR(255) NOT NULL, "migrated_at" DATETIME NOT NULL);

CREATE UNIQUE INDEX "archive_migrations_by_name" ON "archive_migrations" ("name");

CREATE VIEW gpu_listings AS
SELECT
    event.model,
    event.price_usd,
    event.condition,
    event.quantity,
    event.availability,
    event.min_order_qty,
    event.seller,
    event.region,
    event.vram_gb,
    event.mig_capable,
    event.tdp_watts,
    event.cuda_cores,
    event.slot_width,
    event.pcie_generation,
    event.nvlink,
    event.generation,
    event.form_factor,
    event.quantization_capacity_7b,
    event.quantization_capacity_13b,
    event.quantization_capacity_70b,
    event.score,
    event.heuristics,
    event.seen_at,
    event.source_url,
    event.source_type,
    event.title,
    event.import_id,
    event.import_index,
    lower(hex(event.listing_id)) AS listing_id,
    batch.imported_at,
    event.is_current
FROM scored_listings AS event
JOIN import_batches AS batch ON batch.import_id = event.import_id;

CREATE INDEX scored_listings_by_listing ON scored_listings (first_event_id, seen_at);

CREATE TABLE events_by_time (
    seen_at TEXT NOT NULL,
    event_id INTEGER NOT NULL,
    is_current INTEGER NOT NULL,
    PRIMARY KEY (seen_at, event_id)
) WITHOUT ROWID;

CREATE TABLE events_by_model (
    model TEXT COLLATE NOCASE NOT NULL,
    seen_at TEXT NOT NULL,
    event_id INTEGER NOT NULL,
    is_current INTEGER NOT NULL,
    PRIMARY KEY (model, seen_at, event_id)
) WITHOUT ROWID;

CREATE TABLE changes_by_step (
    change_step INTEGER NOT NULL,
    seen_at TEXT NOT NULL,
    event_id INTEGER NOT NULL,
    model TEXT COLLATE NOCASE NOT NULL,
    region TEXT COLLATE NOCASE,
    PRIMARY KEY (change_step, seen_at, event_id)
) WITHOUT ROWID;

CREATE VIEW timeline AS
SELECT
    place.event_id AS id,
    event.model,
    event.region,
    place.seen_at,
    place.is_current,
    event.change_step,
    event.import_id,
    event.import_index,
    event.line,
    event.byte_offset,
    event.byte_length,
    event.listing_id,
    event.schema_version,
    event.price_usd,
    event.condition,
    event.quantity,
    event.availability,
    event.min_order_qty,
    event.seller,
    event.vram_gb,
    event.mig_capable,
    event.tdp_watts,
    event.cuda_cores,
    event.slot_width,
    event.pcie_generation,
    event.nvlink,
    event.generation,
    event.form_factor,
    event.quantization_capacity_7b,
    event.quantization_capacity_13b,
    event.quantization_capacity_70b,
    event.score,
    event.heuristics,
    event.source_url,
    event.source_type,
    event.title,
    event.first_event_id
FROM events_by_time AS place
LEFT JOIN scored_listings AS event ON event.id = place.event_id;

CREATE VIEW model_timeline AS
SELECT
    place.event_id AS id,
    place.model,
    event.region,
    place.seen_at,
    place.is_current,
    event.change_step,
    event.import_id,
    event.import_index,
    event.line,
    event.byte_offset,
    event.byte_length,
    event.listing_id,
    event.schema_version,
    event.price_usd,
    event.condition,
    event.quantity,
    event.availability,
    event.min_order_qty,
    event.seller,
    event.vram_gb,
    event.mig_capable,
    event.tdp_watts,
    event.cuda_cores,
    event.slot_width,
    event.pcie_generation,
    event.nvlink,
    event.generation,
    event.form_factor,
    event.quantization_capacity_7b,
    event.quantization_capacity_13b,
    event.quantization_capacity_70b,
    event.score,
    event.heuristics,
    event.source_url,
    event.source_type,
    event.title,
    event.first_event_id
FROM events_by_model AS place
LEFT JOIN scored_listings AS event ON event.id = place.event_id;

CREATE VIEW change_timeline AS
SELECT
    place.event_id AS id,
    place.model,
    place.region,
    place.seen_at,
    event.is_current,
    place.change_step,
    event.import_id,
    event.import_index,
    event.line,
    event.byte_offset,
    event.byte_length,
    event.listing_id,
    event.schema_version,
    event.price_usd,
    event.condition,
    event.quantity,
    event.availability,
    event.min_order_qty,
    event.seller,
    event.vram_gb,
    event.mig_capable,
    event.tdp_watts,
    event.cuda_cores,
    event.slot_width,
    event.pcie_generation,
    event.nvlink,
    event.generation,
    event.form_factor,
    event.quantization_capacity_7b,
    event.quantization_capacity_13b,
    event.quantization_capacity_70b,
    event.score,
    event.heuristics,
    event.source_url,
    event.source_type,
    event.title,
    event.first_event_id
FROM changes_by_step AS place
LEFT JOIN scored_listings AS event ON event.id = place.event_id;

CREATE VIEW listings AS
SELECT
    event.model,
    event.price_usd,
    event.condition,
    event.quantity,
    event.availability,
    event.min_order_qty,
    event.seller,
    event.region,
    event.vram_gb,
    event.mig_capable,
    event.tdp_watts,
    event.cuda_cores,
    event.slot_width,
    event.pcie_generation,
    event.nvlink,
    event.generation,
    event.form_factor,
    event.quantization_capacity_7b,
    event.quantization_capacity_13b,
    event.quantization_capacity_70b,
    event.score,
    event.heuristics,
    event.seen_at,
    event.source_url,
    event.source_type,
    event.title,
    event.import_id,
    event.import_index,
    lower(hex(event.listing_id)) AS listing_id,
    batch.imported_at
FROM model_timeline AS event
JOIN import_batches AS batch ON batch.import_id = event.import_id
WHERE event.is_current = 1;

-- gpu.registry.sqlite

CREATE TABLE registry_identity (
    archive_id TEXT NOT NULL PRIMARY KEY
);

CREATE TABLE jobs (
    id INTEGER NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('import', 'rollback', 'restore')),
    import_id TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    attempt INTEGER NOT NULL,
    lost_count INTEGER NOT NULL,
    handback_count INTEGER NOT NULL,
    not_before TEXT,
    nudged_at TEXT,
    cancel_requested_at TEXT,
    reason TEXT,
    received_at TEXT NOT NULL,
    started_at TEXT,
    heartbeat_at TEXT,
    finished_at TEXT,
    rolled_back_at TEXT,
    upload_name TEXT,
    filename TEXT,
    content_type TEXT,
    content_encoding TEXT,
    size_bytes INTEGER,
    sha256 TEXT,
    source TEXT COLLATE NOCASE,
    description TEXT,
    encoding TEXT,
    delimiter TEXT,
    on_error TEXT CHECK (on_error IN ('abort', 'skip')),
    dry_run INTEGER NOT NULL,
    schema_version INTEGER NOT NULL,
    phase TEXT,
    progress REAL NOT NULL,
    bytes_read INTEGER NOT NULL,
    rows_read INTEGER NOT NULL,
    error_count INTEGER NOT NULL,
    errors_kept INTEGER NOT NULL,
    errors_name TEXT,
    error_code TEXT,
    error_message TEXT,
    error_summary TEXT NOT NULL,
    errors TEXT NOT NULL,
    ignored_columns TEXT NOT NULL,
    record_count INTEGER NOT NULL,
    first_model TEXT,
    last_model TEXT,
    same_content_as TEXT,
    replaces TEXT,
    idempotency_key TEXT,
    idempotency_fingerprint TEXT
, imported_at TEXT, column_map TEXT, skip_lines INTEGER, decimal TEXT, blank_rows INTEGER, warnings TEXT, summary TEXT, effect TEXT, client TEXT, user_agent TEXT);

CREATE TABLE workers (
    id TEXT NOT NULL PRIMARY KEY,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    started_at TEXT NOT NULL,
    heartbeat_at TEXT NOT NULL
);

CREATE UNIQUE INDEX job_idempotency_key ON jobs (idempotency_key);

CREATE UNIQUE INDEX jobs_by_import ON jobs (import_id) WHERE kind = 'import';

CREATE INDEX jobs_unfinished ON jobs (id) WHERE status IN ('queued', 'running');

CREATE INDEX jobs_by_sha256 ON jobs (sha256);

CREATE TABLE "registry_migrations" ("id" INTEGER NOT NULL PRIMARY KEY, "name" VARCHAR(255) NOT NULL, "migrated_at" DATETIME NOT NULL);

CREATE UNIQUE INDEX "registry_migrations_by_name" ON "registry_migrations" ("name");

CREATE UNIQUE INDEX jobs_unfinished_change ON jobs (import_id) WHERE kind IN ('rollback', 'restore') AND status IN ('queued', 'running');

CREATE TABLE integrity_checks (
    id INTEGER NOT NULL PRIMARY KEY,
    checked_at TEXT NOT NULL,
    host TEXT NOT NULL,
    result TEXT NOT NULL,
    detail TEXT
);
