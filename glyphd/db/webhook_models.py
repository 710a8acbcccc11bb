"""Peewee models of webhooks and of the attempts to deliver to them, which are in the registry."""

from peewee import (
    SQL,
    AutoField,
    BigIntegerField,
    BooleanField,
    IntegerField,
    Model,
    TextField,
)

from glyphd.db.fields import JsonTextField, TimeTextField


class Webhook(Model):
    """An address that gets events, and how far it has got them."""

    id = TextField(primary_key=True)
    url = TextField()
    kinds = JsonTextField()
    description = TextField(null=True)
    secret = TextField()
    created_at = TimeTextField()
    revision = IntegerField(default=0)
    is_enabled = BooleanField(default=True)
    disabled_reason = TextField(null=True)
    delivered_event_id = BigIntegerField()
    delivered_at = TimeTextField(null=True)
    failure_count = IntegerField(default=0)
    failing_since = TimeTextField(null=True)
    next_attempt_at = TimeTextField(null=True)
    last_error = TextField(null=True)
    lease_owner = TextField(null=True)
    lease_until = TimeTextField(null=True)

    class Meta:
        table_name = "webhooks"


class WebhookAttempt(Model):
    """One attempt to deliver an event, or a replay that has been requested."""

    id = AutoField()
    webhook_id = TextField()
    event_id = BigIntegerField()
    outcome = TextField()
    is_replay = BooleanField()
    started_at = TimeTextField()
    milliseconds = IntegerField(null=True)
    http_status = IntegerField(null=True)
    error = TextField(null=True)

    class Meta:
        table_name = "webhook_attempts"


WebhookAttempt.add_index(
    WebhookAttempt.index(
        WebhookAttempt.webhook_id, WebhookAttempt.id, name="webhook_attempts_by_webhook"
    )
)
WebhookAttempt.add_index(
    WebhookAttempt.index(
        WebhookAttempt.webhook_id, WebhookAttempt.id, name="webhook_attempts_waiting"
    ).where(WebhookAttempt.outcome == SQL("'waiting'"))
)
