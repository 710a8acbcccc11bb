-- The schema of glyphd on SQLite, as its migrations make it.
-- Written by `python -m glyphd.db.schema_sql > docs/schema.sql`; a test holds it to the migrations.

-- gpu.sqlite

CREATE TABLE archive_identity ( -- one row: the id that shows that archive and registry belong together
    archive_id TEXT NOT NULL PRIMARY KEY -- 32 random hex digits, made with the archive
);

CREATE TABLE schema_version ( -- one row for each applied migration of the archive, always consistent with `archive_migrations`
    version INTEGER NOT NULL PRIMARY KEY, -- the step's number: 1, 2, …
    name TEXT NOT NULL, -- the migration's name, such as `001_events`
    applied_at TEXT NOT NULL -- when
);

CREATE UNIQUE INDEX schemaversion_name ON schema_version (name);

CREATE TABLE import_batches ( -- one row for each committed import, written in one transaction with its events
    id INTEGER NOT NULL PRIMARY KEY, -- sequence number: a later import has the higher one, regardless of the clock
    import_id TEXT NOT NULL, -- the import's id, a dashed UUID over HTTP, else any text of 1–64 characters
    imported_at TEXT NOT NULL, -- when it was committed; set under the write lock, always later than the previous one
    source TEXT COLLATE NOCASE, -- where the file came from, as the client said
    description TEXT, -- what the client said about it
    filename TEXT, -- the client's name for the file: data, never a path
    sha256 TEXT, -- of the bytes received, 64 hex digits; null for rows given by a program
    rows_sha256 TEXT, -- of the rows as they are stored, 64 hex digits; null if there is a kept file to compare with
    record_count INTEGER NOT NULL, -- how many events it brought
    first_model TEXT, -- `model` of its first row, in file order
    last_model TEXT, -- `model` of its last row
    schema_version INTEGER NOT NULL, -- version of the row contract that its rows were read by
    result TEXT NOT NULL, -- JSON: what reading the file found, in case the registry is lost
    rolled_back_at TEXT, -- when it was rolled back; null while its events count
    last_seen_at TEXT, -- the latest `seen_at` of its events: where a query for an earlier moment begins
    complete_at TEXT -- the moment for which the file is complete, its newest `seen_at`, or its receipt if it has no rows; null for other imports
);

CREATE UNIQUE INDEX importbatch_import_id ON import_batches (import_id);

CREATE UNIQUE INDEX importbatch_imported_at ON import_batches (imported_at);

CREATE TABLE scored_listings ( -- one row for each scoring event, for ever, with everything that its row said
    id INTEGER NOT NULL PRIMARY KEY, -- grows from import to import and decreases inside one: in descending order it is the reading order
    import_id TEXT NOT NULL, -- the import that brought it
    import_index INTEGER NOT NULL, -- the record's number in its file, from 1; the numbers of refused records are not used
    line INTEGER, -- physical line where the record starts in the unpacked file; null for rows without a file
    byte_offset INTEGER, -- where the record starts in the unpacked file, in bytes
    byte_length INTEGER, -- how many bytes it is long there
    listing_id BLOB NOT NULL, -- 16 bytes: the offer that this is an observation of
    schema_version INTEGER NOT NULL, -- version of the row contract it was read by
    is_current INTEGER NOT NULL CHECK (is_current IN (0, 1)), -- derived: 1 for the latest observation of a listing on offer
    model TEXT COLLATE NOCASE NOT NULL, -- the GPU model, 1–200 characters
    price_usd REAL NOT NULL, -- price in US dollars, 0 or more
    condition TEXT COLLATE NOCASE, -- new, used, … as sent
    quantity INTEGER, -- units offered
    availability TEXT, -- stock in words; also the text of `quantity` if that was not a number
    min_order_qty INTEGER, -- least units per order, 0 or more
    seller TEXT COLLATE NOCASE, -- who offers it
    region TEXT COLLATE NOCASE, -- where it is offered
    vram_gb INTEGER, -- memory in GB
    mig_capable INTEGER, -- MIG instances, 0–7; 0 is none
    tdp_watts INTEGER, -- power in watts
    cuda_cores INTEGER, -- number of CUDA cores
    slot_width REAL, -- slots it takes in a chassis
    pcie_generation REAL, -- PCI Express generation
    nvlink INTEGER, -- 1 with NVLink, 0 without
    generation TEXT, -- the architecture's name
    form_factor TEXT, -- how it is built
    quantization_capacity_7b INTEGER, -- how many 7 B models fit; the three capacities are given all or none
    quantization_capacity_13b INTEGER, -- how many 13 B models fit
    quantization_capacity_70b INTEGER, -- how many 70 B models fit
    score REAL NOT NULL, -- the score, on whatever scale the sender uses
    heuristics TEXT, -- JSON: what the score was made of
    seen_at TEXT NOT NULL, -- when the offer was seen; if the row does not say, when the upload was received
    source_url TEXT, -- where the offer is, as given, up to 2,000 characters
    source_type TEXT COLLATE NOCASE, -- what kind of place that is
    title TEXT, -- the offer's title, up to 1,000 characters
    extra TEXT, -- JSON object: the file's unknown columns, by their own names
    ordinal INTEGER NOT NULL, -- its number among the separate offers of its identity in its observation, from 1
    group_size INTEGER NOT NULL, -- how many separate offers of its identity its observation has
    observed_at TEXT, -- the latest `seen_at` of its observation, if that has several offers and it is not its own
    standing INTEGER NOT NULL CHECK (standing BETWEEN 0 AND 3), -- 0: the import's latest observation of the listing; 1: the same, but missing from a later observation in it; 2: an earlier observation in it; 3: a repeated row
    is_indistinct INTEGER NOT NULL CHECK (is_indistinct IN (0, 1)), -- derived: 1 if it can't be matched to one offer, so that nothing is computed from it
    change_step INTEGER, -- derived: how far the price moved since the previous observation, in coarse steps from 0 to 9; 10 for the first observation; null if neither price nor score changed
    first_event_id INTEGER NOT NULL, -- derived: `id` of the first event that the archive got of the listing
    group_id INTEGER, -- derived: `first_event_id` of the first offer of its identity; null for that one itself
    FOREIGN KEY (import_id) REFERENCES import_batches (import_id)
);

CREATE UNIQUE INDEX scored_listings_by_import ON scored_listings (import_id, import_index DESC);

CREATE INDEX scored_listings_by_listing ON scored_listings (first_event_id, seen_at);

CREATE INDEX scored_listings_by_group ON scored_listings (group_id) WHERE group_id IS NOT NULL;

CREATE INDEX scored_listings_indistinct ON scored_listings (import_id) WHERE is_indistinct = 1;

CREATE TABLE listing_keys ( -- one row for each listing: the event that a new observation of it follows
    listing_id BLOB NOT NULL PRIMARY KEY, -- the 16 bytes of the listing's id
    current_event_id INTEGER, -- `id` of its latest observation that counts; null if none does
    first_event_id INTEGER NOT NULL -- `id` of the first event that the archive got of it, for ever
) WITHOUT ROWID;

CREATE TABLE batch_changes ( -- one row for each time that an import was rolled back or restored
    id INTEGER NOT NULL PRIMARY KEY, -- sequence number
    import_id TEXT NOT NULL, -- the import
    kind TEXT NOT NULL CHECK (kind IN ('rollback', 'restore')), -- `rollback` or `restore`
    changed_at TEXT NOT NULL, -- when it took effect; no two are equal
    reason TEXT, -- why, as given in the request
    FOREIGN KEY (import_id) REFERENCES import_batches (import_id)
);

CREATE UNIQUE INDEX batchchange_changed_at ON batch_changes (changed_at);

CREATE TABLE models ( -- one row for each GPU model, with the specs of its latest event that has any
    id INTEGER NOT NULL PRIMARY KEY, -- a number of its own
    canonical_model TEXT COLLATE NOCASE NOT NULL, -- the model's name, spelled as in that event
    vram_gb INTEGER, -- memory in GB
    mig_capable INTEGER, -- MIG instances, 0–7
    tdp_watts INTEGER, -- power in watts
    cuda_cores INTEGER, -- number of CUDA cores
    slot_width REAL, -- slots it takes
    pcie_generation REAL, -- PCI Express generation
    nvlink INTEGER, -- 1 with NVLink, 0 without
    generation TEXT, -- the architecture's name
    form_factor TEXT, -- how it is built
    seen_at TEXT NOT NULL, -- `seen_at` of that event
    import_id TEXT NOT NULL, -- the import that brought that event
    import_index INTEGER NOT NULL, -- the event's number in it
    FOREIGN KEY (import_id, import_index) REFERENCES scored_listings (import_id, import_index)
);

CREATE TABLE quantized_listings ( -- one row for each event whose row had the three capacities
    import_id TEXT NOT NULL, -- the import that brought the event
    import_index INTEGER NOT NULL, -- the record's number in its file
    model_7b INTEGER NOT NULL, -- how many 7 B models fit
    model_13b INTEGER NOT NULL, -- how many 13 B models fit
    model_70b INTEGER NOT NULL, -- how many 70 B models fit
    PRIMARY KEY (import_id, import_index),
    FOREIGN KEY (import_id, import_index) REFERENCES scored_listings (import_id, import_index)
) WITHOUT ROWID;

CREATE UNIQUE INDEX gpumodel_canonical_model ON models (canonical_model);

CREATE TABLE "archive_migrations" ("id" INTEGER NOT NULL PRIMARY KEY, "name" VARCHAR(255) NOT NULL, "migrated_at" DATETIME NOT NULL);

CREATE UNIQUE INDEX "archive_migrations_by_name" ON "archive_migrations" ("name");

CREATE TABLE events_by_time ( -- SQLite only: the position of each event among all by time
    seen_at TEXT NOT NULL, -- the event's `seen_at`
    event_id INTEGER NOT NULL, -- its `id`
    is_current INTEGER NOT NULL, -- its `is_current`
    PRIMARY KEY (seen_at, event_id)
) WITHOUT ROWID;

CREATE TABLE changes_by_step ( -- SQLite only: the position of each event with a `change_step` among its step by time
    change_step INTEGER NOT NULL, -- the event's `change_step`
    seen_at TEXT NOT NULL, -- its `seen_at`
    event_id INTEGER NOT NULL, -- its `id`
    model TEXT COLLATE NOCASE NOT NULL, -- its `model`
    region TEXT COLLATE NOCASE, -- its `region`
    PRIMARY KEY (change_step, seen_at, event_id)
) WITHOUT ROWID;

CREATE VIEW timeline AS
SELECT
    place.event_id AS id,
    event.import_id,
    event.import_index,
    event.line,
    event.byte_offset,
    event.byte_length,
    event.listing_id,
    event.schema_version,
    place.is_current,
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
    place.seen_at,
    event.source_url,
    event.source_type,
    event.title,
    event.extra,
    event.ordinal,
    event.group_size,
    event.observed_at,
    event.standing,
    event.is_indistinct,
    event.change_step,
    event.first_event_id,
    event.group_id
FROM events_by_time AS place
LEFT JOIN scored_listings AS event ON event.id = place.event_id;

CREATE VIEW change_timeline AS
SELECT
    place.event_id AS id,
    event.import_id,
    event.import_index,
    event.line,
    event.byte_offset,
    event.byte_length,
    event.listing_id,
    event.schema_version,
    event.is_current,
    place.model,
    event.price_usd,
    event.condition,
    event.quantity,
    event.availability,
    event.min_order_qty,
    event.seller,
    place.region,
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
    place.seen_at,
    event.source_url,
    event.source_type,
    event.title,
    event.extra,
    event.ordinal,
    event.group_size,
    event.observed_at,
    event.standing,
    event.is_indistinct,
    place.change_step,
    event.first_event_id,
    event.group_id
FROM changes_by_step AS place
LEFT JOIN scored_listings AS event ON event.id = place.event_id;

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
    batch.source,
    event.extra,
    event.is_current,
    event.is_indistinct
FROM scored_listings AS event
JOIN import_batches AS batch ON batch.import_id = event.import_id;

CREATE TABLE complete_sources ( -- one row for each source with a complete file that counts: the one for the latest moment
    source TEXT NOT NULL PRIMARY KEY, -- the source, its ASCII letters in lower case
    import_id TEXT NOT NULL, -- the import
    complete_at TEXT NOT NULL, -- its `complete_at`
    first_id INTEGER, -- the lowest `id` of its events; null if it has none
    last_id INTEGER -- the highest
) WITHOUT ROWID;

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
    batch.imported_at,
    batch.source,
    event.extra
FROM model_timeline AS event
JOIN import_batches AS batch ON batch.import_id = event.import_id
WHERE event.is_current = 1
    AND NOT EXISTS (
        SELECT 1 FROM complete_sources AS latest
        WHERE latest.source = lower(coalesce(batch.source, ''))
            AND latest.complete_at > event.seen_at
            AND NOT EXISTS (
                SELECT 1 FROM scored_listings AS listed
                WHERE listed.first_event_id = event.first_event_id
                    AND listed.id BETWEEN latest.first_id AND latest.last_id
            )
    );

CREATE TABLE market_summaries ( -- one row for each answer about the whole market that is kept
    name TEXT NOT NULL PRIMARY KEY, -- what it is an answer to
    archive_version TEXT NOT NULL, -- the state of the archive that it was computed in
    content TEXT NOT NULL -- JSON
) WITHOUT ROWID;

CREATE INDEX import_batches_complete ON import_batches (complete_at) WHERE complete_at IS NOT NULL;

CREATE TABLE peer_groups ( -- one row for each model and condition of current offers
    model TEXT NOT NULL, -- the model, its ASCII letters in lower case
    condition TEXT NOT NULL, -- the same of the condition; empty for none
    size INTEGER NOT NULL, -- how many current offers it has
    median REAL NOT NULL, -- the median of their prices, in dollars
    lowest BLOB NOT NULL, -- the lowest price of each of its blocks, stored as in peer_prices
    PRIMARY KEY (model, condition)
) WITHOUT ROWID;

CREATE TABLE peer_prices ( -- one row for each block of the prices of the current offers of a model in a condition
    model TEXT NOT NULL, -- the model, its ASCII letters in lower case
    condition TEXT NOT NULL, -- the same of the condition; empty for none
    block INTEGER NOT NULL, -- 0, 1, …: of those of the group, by price
    prices BLOB NOT NULL, -- in ascending order, as doubles, little-endian
    PRIMARY KEY (model, condition, block)
) WITHOUT ROWID;

CREATE TABLE offers_gone ( -- one row for each offer that a complete file was the first to leave out, each time
    gone_at TEXT NOT NULL, -- the `complete_at` of the file
    event_id INTEGER NOT NULL, -- the `id` of the last observation before
    import_id TEXT NOT NULL, -- the file
    PRIMARY KEY (gone_at, event_id)
) WITHOUT ROWID;

CREATE TABLE offers_back ( -- one row for each observation of an offer that was gone before it
    seen_at TEXT NOT NULL, -- its `seen_at`
    event_id INTEGER NOT NULL, -- its `id`
    PRIMARY KEY (seen_at, event_id)
) WITHOUT ROWID;

CREATE INDEX offers_gone_by_event ON offers_gone (event_id);

CREATE TABLE events_by_model ( -- SQLite only: the position of each event among those of its model by time
    model TEXT COLLATE NOCASE NOT NULL, -- the event's `model`
    seen_at TEXT NOT NULL, -- its `seen_at`
    event_id INTEGER NOT NULL, -- its `id`
    is_current INTEGER NOT NULL, -- its `is_current`
    score REAL NOT NULL, -- its `score`
    price_usd REAL NOT NULL, -- its `price_usd`
    PRIMARY KEY (model, seen_at, event_id)
) WITHOUT ROWID;

CREATE VIEW model_timeline AS
SELECT
    place.event_id AS id,
    event.import_id,
    event.import_index,
    event.line,
    event.byte_offset,
    event.byte_length,
    event.listing_id,
    event.schema_version,
    place.is_current,
    place.model,
    place.price_usd,
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
    place.score,
    event.heuristics,
    place.seen_at,
    event.source_url,
    event.source_type,
    event.title,
    event.extra,
    event.ordinal,
    event.group_size,
    event.observed_at,
    event.standing,
    event.is_indistinct,
    event.change_step,
    event.first_event_id,
    event.group_id
FROM events_by_model AS place
LEFT JOIN scored_listings AS event ON event.id = place.event_id;

-- gpu.registry.sqlite

CREATE TABLE "registry_migrations" ("id" INTEGER NOT NULL PRIMARY KEY, "name" VARCHAR(255) NOT NULL, "migrated_at" DATETIME NOT NULL);

CREATE UNIQUE INDEX "registry_migrations_by_name" ON "registry_migrations" ("name");

CREATE TABLE "registry_identity" ( -- one row: the archive that this registry belongs to
    archive_id TEXT NOT NULL PRIMARY KEY, -- the same as in `archive_identity`; if they differ, nothing starts
    locked_at TEXT -- since when every request needs a token; null until the first one was created
);

CREATE TABLE "jobs" ( -- one row for each requested import, rollback or restore: the truth about it
    id INTEGER NOT NULL PRIMARY KEY, -- the job's number, in the order of the requests
    kind TEXT NOT NULL CHECK (kind IN ('import', 'rollback', 'restore')), -- `import`, `rollback` or `restore`
    import_id TEXT NOT NULL, -- the import it is about; one job of kind `import` for each
    status TEXT NOT NULL CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')), -- `queued`, `running`, `succeeded`, `failed` or `cancelled`; the last three are final
    attempt INTEGER NOT NULL, -- how many times a worker has claimed it; a worker with an older number may change nothing
    lost_count INTEGER NOT NULL, -- how many of these ended because the worker died
    handback_count INTEGER NOT NULL, -- how many were requeued: a stopped worker, a busy database, a full disk
    not_before TEXT, -- not run again before this time, after being requeued
    nudged_at TEXT, -- when a worker was last notified of it
    cancel_requested_at TEXT, -- when its cancellation was requested
    reason TEXT, -- why a rollback or restore was requested
    received_at TEXT NOT NULL, -- when it was requested; for an import, when the upload was complete
    started_at TEXT, -- when the first attempt began
    heartbeat_at TEXT, -- the running attempt's last heartbeat
    finished_at TEXT, -- when it reached a final status
    rolled_back_at TEXT, -- when the import was rolled back; null while its rows count
    upload_name TEXT, -- the kept file's name in the upload store
    filename TEXT, -- the client's name for it; data, never a path
    content_type TEXT, -- what kind of file it is
    content_encoding TEXT, -- `gzip` if it was sent compressed
    size_bytes INTEGER, -- bytes received, as sent
    sha256 TEXT, -- of these bytes, 64 hex digits
    source TEXT COLLATE NOCASE, -- where the file came from, as the client said
    description TEXT, -- what the client said about it
    encoding TEXT, -- the encoding of its text
    delimiter TEXT, -- the separator between its cells, detected or as requested
    on_error TEXT CHECK (on_error IN ('abort', 'skip')), -- `abort`: one bad row fails it; `skip`: bad rows are left out
    dry_run INTEGER NOT NULL, -- 1 if everything is checked and nothing written
    schema_version INTEGER NOT NULL, -- version of the row contract it is read by
    phase TEXT, -- what the running attempt is doing
    progress REAL NOT NULL, -- how much is done, 0 to 1
    bytes_read INTEGER NOT NULL, -- bytes of the upload read so far
    rows_read INTEGER NOT NULL, -- records read so far
    error_count INTEGER NOT NULL, -- row errors found, all of them
    errors_kept INTEGER NOT NULL, -- how many of these are in the error file
    errors_name TEXT, -- the error file's name in the upload store; null without errors
    error_code TEXT, -- why it failed, as a stable code
    error_message TEXT, -- why it failed, as a sentence
    error_summary TEXT NOT NULL, -- JSON array: the row errors by field and code, with counts and first lines
    errors TEXT NOT NULL, -- JSON array: the first row errors
    ignored_columns TEXT NOT NULL, -- JSON array: the file's unknown columns
    record_count INTEGER NOT NULL, -- rows imported; 0 until it has succeeded
    first_model TEXT, -- `model` of the first row; null until it has succeeded
    last_model TEXT, -- `model` of the last row; null until it has succeeded
    same_content_as TEXT, -- `import_id` of the latest earlier import of the same bytes that succeeded and counted
    replaces TEXT, -- `import_id` of the failed or cancelled import that this one repeats
    idempotency_key TEXT, -- the client's key for this request; never expires
    idempotency_fingerprint TEXT, -- what the request was, to tell a repetition from another use of the key
    imported_at TEXT, -- when the archive committed the import or the change; used again if the archive is rebuilt
    column_map TEXT, -- JSON array of pairs: the canonical column and the file's column that the client mapped to it
    skip_lines INTEGER, -- lines of the file before its header; null: none
    decimal TEXT, -- `comma` for numbers written `1.299,50`; null: a point
    blank_rows INTEGER, -- rows without a filled cell, which are skipped
    warnings TEXT, -- JSON array: oddities of the file or its rows that did not stop the import
    summary TEXT, -- JSON object: prices, scores, models and sellers of the import's rows; null until it is known
    effect TEXT, -- JSON object: how the import changed the market; null until it is known
    client TEXT, -- the client's address
    user_agent TEXT, -- the `User-Agent` of the request
    created_by TEXT, -- the name of the token that requested it; null if none was needed
    traceparent TEXT, -- the `traceparent` of the request (W3C Trace Context); null without a valid one
    complete INTEGER, -- 1 if the file lists all that its source offers; null: it need not
    allow_shrink INTEGER -- 1 if it may have less than half of the rows of the one before; null: no
);

CREATE TABLE "workers" ( -- one row for each worker process that is alive, or whose death has not been noticed yet
    id TEXT NOT NULL PRIMARY KEY, -- the process's own random id
    host TEXT NOT NULL, -- the machine it runs on
    pid INTEGER NOT NULL, -- its process number there
    started_at TEXT NOT NULL, -- when it started
    heartbeat_at TEXT NOT NULL -- its last heartbeat
);

CREATE TABLE "integrity_checks" ( -- one row for each of the latest checks of the databases for damage
    id INTEGER NOT NULL PRIMARY KEY, -- the order of the checks
    checked_at TEXT NOT NULL, -- when it ended
    host TEXT NOT NULL, -- the machine that ran it
    result TEXT NOT NULL, -- `sound` or `damaged`
    detail TEXT -- what is damaged, a line each, up to 2,000 characters
);

CREATE UNIQUE INDEX job_idempotency_key ON jobs (idempotency_key);

CREATE UNIQUE INDEX jobs_by_import ON jobs (import_id) WHERE kind = 'import';

CREATE INDEX jobs_unfinished ON jobs (id) WHERE status IN ('queued', 'running');

CREATE INDEX jobs_by_sha256 ON jobs (sha256);

CREATE UNIQUE INDEX jobs_unfinished_change ON jobs (import_id) WHERE kind IN ('rollback', 'restore') AND status IN ('queued', 'running');

CREATE TABLE access_tokens ( -- one row for each token that was ever created
    id INTEGER NOT NULL PRIMARY KEY, -- the order in which they were created
    name TEXT NOT NULL, -- what it is called: the `created_by` of what is done with it
    lookup TEXT NOT NULL, -- the token's first part, by which it is found
    digest TEXT NOT NULL, -- SHA-256 of the whole token, 64 hex digits; the token itself is not kept
    scope TEXT NOT NULL CHECK (scope IN ('read', 'write', 'admin')), -- `read`, `write` or `admin`; each includes those before it
    source TEXT COLLATE NOCASE, -- the only source that it may import as; null: any
    created_at TEXT NOT NULL, -- when it was created
    expires_at TEXT, -- from when on it is refused; null: never
    revoked_at TEXT -- when it was revoked; null while it is valid
);

CREATE TABLE sessions ( -- one row for each browser that is signed in
    digest TEXT NOT NULL PRIMARY KEY, -- SHA-256 of the cookie, 64 hex digits
    token_digest TEXT NOT NULL, -- `digest` of the token that it was opened with; it ends with that token
    created_at TEXT NOT NULL, -- when it began
    expires_at TEXT NOT NULL -- when it ends
);

CREATE UNIQUE INDEX access_tokens_by_lookup ON access_tokens (lookup);

CREATE UNIQUE INDEX access_tokens_by_name ON access_tokens (name) WHERE revoked_at IS NULL;

CREATE INDEX jobs_changes ON jobs (import_id, id) WHERE kind IN ('rollback', 'restore');

CREATE TABLE events ( -- one row for each event of the feed: something that happened to an import
    id INTEGER NOT NULL PRIMARY KEY, -- the order of the events; at least the microseconds since 1970 when it was added
    kind TEXT NOT NULL, -- what happened, such as `import.finished`
    occurred_at TEXT NOT NULL, -- when it happened
    job_id INTEGER NOT NULL, -- `id` of the job that it is about
    attempt INTEGER NOT NULL, -- which attempt of the job it reports
    data TEXT NOT NULL, -- JSON object: what is reported, as it was then
    subject TEXT NOT NULL DEFAULT '' -- what else it is about: the watch of a `watch.matched`; empty for all others
);

CREATE TABLE event_feed ( -- one row: how far the feed goes; changed first by whoever adds an event, so that ids are committed in order
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1), -- always 1
    last_event_id INTEGER NOT NULL, -- `id` of the latest event; 0 before the first
    pruned_event_id INTEGER NOT NULL -- `id` of the latest event that was deleted for its age; 0 before the first
);

CREATE INDEX events_by_kind ON events (kind, id);

CREATE TABLE webhooks ( -- one row for each webhook: an address that gets events
    id TEXT NOT NULL PRIMARY KEY, -- a dashed UUID
    url TEXT NOT NULL, -- where events are sent; may hold a secret of the receiver
    kinds TEXT NOT NULL, -- JSON array: the kinds of events that it gets; empty: all
    description TEXT, -- what the client said about it
    secret TEXT NOT NULL, -- the key that its requests are signed with, as it was shown once
    created_at TEXT NOT NULL, -- when it was created
    revision INTEGER NOT NULL, -- how often it was changed by a client; a delivery that began before such a change records no progress
    is_enabled INTEGER NOT NULL, -- 1 if it gets events
    disabled_reason TEXT, -- why glyphd disabled it: `gone` or `failing`; null if a client did, or while it is enabled
    delivered_event_id INTEGER NOT NULL, -- `id` of the latest event that it got; the next one is later
    delivered_at TEXT, -- when it got its latest event
    failure_count INTEGER NOT NULL, -- failed attempts at its next event
    failing_since TEXT, -- when the first of these failed
    next_attempt_at TEXT, -- not tried again before this time
    last_error TEXT, -- why the latest of these failed
    lease_owner TEXT, -- the worker that delivers to it; null if none does
    lease_until TEXT -- when another worker may take over, unless the lease is renewed
);

CREATE TABLE webhook_attempts ( -- one row for each attempt to deliver an event to a webhook, and each requested replay
    id INTEGER NOT NULL PRIMARY KEY, -- the order in which they were recorded
    webhook_id TEXT NOT NULL, -- the webhook
    event_id INTEGER NOT NULL, -- the event
    outcome TEXT NOT NULL CHECK (outcome IN ('waiting', 'delivered', 'failed')), -- `delivered`, `failed`, or `waiting` for a replay that no worker has made yet
    is_replay INTEGER NOT NULL, -- 1 if it was requested, outside the order of events
    started_at TEXT NOT NULL, -- when it began; for a waiting replay, when it was requested
    milliseconds INTEGER, -- how long it took
    http_status INTEGER, -- the status of the answer; null without one
    error TEXT -- why it failed, as a stable code
);

CREATE INDEX webhook_attempts_by_webhook ON webhook_attempts (webhook_id, id);

CREATE INDEX webhook_attempts_waiting ON webhook_attempts (webhook_id, id) WHERE outcome = 'waiting';

CREATE INDEX jobs_by_source ON jobs (kind, source, status, dry_run, finished_at, record_count, id);

CREATE TABLE watches ( -- one row for each watch: offers that somebody wants to hear of
    id TEXT NOT NULL PRIMARY KEY, -- a dashed UUID
    name TEXT NOT NULL, -- what the client calls it
    filters TEXT NOT NULL, -- JSON object: which offers it is about, by the filters of listings; empty: all
    condition TEXT NOT NULL, -- what must happen to them, such as `price_below`
    value REAL, -- the price or the percentage of the condition; null if it has none
    feed_secret TEXT NOT NULL, -- the secret part of the address of its Atom feed
    created_at TEXT NOT NULL, -- when it was created
    created_by TEXT -- the name of the token that created it; null if none was needed
);

CREATE TABLE watch_matches ( -- one row for each offer that a watch found in one import, rollback or restore
    id INTEGER NOT NULL PRIMARY KEY, -- the order in which they were found
    watch_id TEXT NOT NULL, -- the watch
    job_id INTEGER NOT NULL, -- `id` of the job that moved the offer
    listing_id TEXT NOT NULL, -- the offer, 32 hex digits
    event_id INTEGER, -- `id` of the event that reports it; null until the outcome of the job is recorded
    total INTEGER NOT NULL, -- how many offers the watch found there, kept or not
    offer TEXT NOT NULL -- JSON object: the offer as it was then
);

CREATE UNIQUE INDEX watch_matches_once ON watch_matches (job_id, watch_id, listing_id);

CREATE INDEX watch_matches_by_watch ON watch_matches (watch_id, event_id, id);

CREATE UNIQUE INDEX events_by_job ON events (job_id, kind, attempt, subject);
