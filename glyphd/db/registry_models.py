"""Peewee models of the registry: what was requested, its progress, and the workers."""

from peewee import (
    SQL,
    AutoField,
    BigIntegerField,
    BooleanField,
    DoubleField,
    IntegerField,
    Model,
    SmallIntegerField,
    TextField,
)

from glyphd.db.event_models import EventFeed, FeedEvent
from glyphd.db.fields import CaselessTextField, JsonTextField, TimeTextField
from glyphd.db.token_models import TOKEN_MODELS
from glyphd.db.webhook_models import Webhook, WebhookAttempt


class RegistryIdentity(Model):
    """The id of the archive that this registry belongs to, and since when a token is needed."""

    archive_id = TextField(primary_key=True)
    locked_at = TimeTextField(null=True)

    class Meta:
        table_name = "registry_identity"


class Job(Model):
    """One job for the worker: an import, a rollback or a restore. Its row is authoritative."""

    id = AutoField()
    kind = TextField()
    import_id = TextField()
    status = TextField()
    attempt = IntegerField(default=0)
    lost_count = IntegerField(default=0)
    handback_count = IntegerField(default=0)
    not_before = TimeTextField(null=True)
    nudged_at = TimeTextField(null=True)
    cancel_requested_at = TimeTextField(null=True)
    reason = TextField(null=True)

    received_at = TimeTextField()
    started_at = TimeTextField(null=True)
    heartbeat_at = TimeTextField(null=True)
    finished_at = TimeTextField(null=True)
    rolled_back_at = TimeTextField(null=True)

    upload_name = TextField(null=True)
    filename = TextField(null=True)
    content_type = TextField(null=True)
    content_encoding = TextField(null=True)
    size_bytes = BigIntegerField(null=True)
    sha256 = TextField(null=True)

    source = CaselessTextField(null=True)
    description = TextField(null=True)
    encoding = TextField(null=True)
    delimiter = TextField(null=True)
    on_error = TextField(null=True)
    dry_run = BooleanField(default=False)
    schema_version = IntegerField()

    phase = TextField(null=True)
    progress = DoubleField(default=0)
    bytes_read = BigIntegerField(default=0)
    rows_read = BigIntegerField(default=0)
    error_count = BigIntegerField(default=0)
    errors_kept = BigIntegerField(default=0)
    errors_name = TextField(null=True)
    error_code = TextField(null=True)
    error_message = TextField(null=True)
    error_summary = JsonTextField(default="[]")
    errors = JsonTextField(default="[]")
    ignored_columns = JsonTextField(default="[]")

    record_count = BigIntegerField(default=0)
    first_model = TextField(null=True)
    last_model = TextField(null=True)
    same_content_as = TextField(null=True)
    replaces = TextField(null=True)

    idempotency_key = TextField(null=True, unique=True)
    idempotency_fingerprint = TextField(null=True)
    imported_at = TimeTextField(null=True)

    column_map = JsonTextField(null=True)
    skip_lines = IntegerField(null=True)
    decimal = TextField(null=True)
    blank_rows = BigIntegerField(null=True)
    warnings = JsonTextField(null=True)
    summary = JsonTextField(null=True)
    effect = JsonTextField(null=True)
    client = TextField(null=True)
    user_agent = TextField(null=True)
    created_by = TextField(null=True)
    traceparent = TextField(null=True)
    complete = SmallIntegerField(null=True)
    allow_shrink = SmallIntegerField(null=True)

    class Meta:
        table_name = "jobs"


Job.add_index(
    Job.index(Job.import_id, unique=True, name="jobs_by_import").where(Job.kind == SQL("'import'"))
)
Job.add_index(
    Job.index(Job.id, name="jobs_unfinished").where(Job.status.in_(SQL("('queued', 'running')")))
)
Job.add_index(Job.index(Job.sha256, name="jobs_by_sha256"))
Job.add_index(
    Job.index(Job.import_id, unique=True, name="jobs_unfinished_change").where(
        Job.kind.in_(SQL("('rollback', 'restore')")) & Job.status.in_(SQL("('queued', 'running')"))
    )
)
Job.add_index(
    Job.index(Job.import_id, Job.id, name="jobs_changes").where(
        Job.kind.in_(SQL("('rollback', 'restore')"))
    )
)
Job.add_index(
    # The source as it is spelled, on PostgreSQL too: metrics are counted from this index alone.
    Job.index(
        Job.kind,
        SQL("source"),
        Job.status,
        Job.dry_run,
        Job.finished_at,
        Job.record_count,
        Job.id,
        name="jobs_by_source",
    )
)


class Worker(Model):
    """One worker process and its last heartbeat."""

    id = TextField(primary_key=True)
    host = TextField()
    pid = IntegerField()
    started_at = TimeTextField()
    heartbeat_at = TimeTextField()

    class Meta:
        table_name = "workers"


class IntegrityCheck(Model):
    """One check of the databases for damage; `result` is `sound` or `damaged`."""

    id = AutoField()
    checked_at = TimeTextField()
    host = TextField()
    result = TextField()
    detail = TextField(null=True)

    class Meta:
        table_name = "integrity_checks"


REGISTRY_MODELS = (
    RegistryIdentity,
    Job,
    Worker,
    IntegrityCheck,
    *TOKEN_MODELS,
    FeedEvent,
    EventFeed,
    Webhook,
    WebhookAttempt,
)
