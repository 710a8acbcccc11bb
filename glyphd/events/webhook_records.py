"""Webhooks in the registry, as clients create, change, delete and read them. The caller holds the
connection."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

from peewee import Database

from glyphd.contracts.event_contracts import EventKind
from glyphd.contracts.webhook_contracts import (
    AttemptQuery,
    AttemptView,
    WebhookBody,
    WebhookChange,
    WebhookView,
)
from glyphd.db.event_models import EventFeed, FeedEvent
from glyphd.db.webhook_models import Webhook, WebhookAttempt
from glyphd.event_errors import (
    AttemptNotFound,
    EventNotKept,
    InvalidWebhook,
    WebhookDisabled,
    WebhookNotFound,
)
from glyphd.events.webhook_signatures import new_secret
from glyphd.events.webhook_targets import InvalidTarget, is_surely_private, read_target
from glyphd.times import now_text, utc_now, utc_text

ATTEMPTS_KEPT_DAYS = 30
ATTEMPT_COLUMNS = tuple(AttemptView.model_fields)
NOT_FAILING: dict[str, Any] = {
    "failure_count": 0,
    "failing_since": None,
    "next_attempt_at": None,
    "last_error": None,
}
"""The values of a webhook whose next event has not failed yet."""

_RESUMED = NOT_FAILING | {"disabled_reason": None}


class WebhookRecords:
    """`allows_private` is the setting: without it, a URL that can only be private is refused."""

    def __init__(self, database: Database, *, allows_private: bool) -> None:
        self._database = database
        self._allows_private = allows_private

    def create(self, body: WebhookBody) -> Webhook:
        """Raises InvalidWebhook."""
        self._require_allowed(body.url)
        after = self._latest_event() if body.after is None else body.after
        webhook_id = str(uuid4())
        values = {
            "id": webhook_id,
            "url": body.url,
            "kinds": json.dumps(body.kinds),
            "description": body.description,
            "secret": new_secret(),
            "created_at": now_text(),
            "delivered_event_id": after,
        }
        self._run(Webhook.insert(values))
        return self.find(webhook_id)

    def all(self) -> list[Webhook]:
        """All of them, oldest first."""
        query = Webhook.select().order_by(Webhook.created_at, Webhook.id)
        return list(query.bind(self._database))

    def failing(self) -> list[Webhook]:
        """The failing and disabled webhooks, which an operator should look at."""
        return [
            webhook
            for webhook in self.all()
            if webhook.failing_since is not None or webhook.disabled_reason is not None
        ]

    def find(self, webhook_id: str) -> Webhook:
        """Raises WebhookNotFound."""
        query = Webhook.select().where(Webhook.id == webhook_id)
        found: Webhook | None = query.bind(self._database).first() if _fits(webhook_id) else None
        if found is None:
            raise WebhookNotFound(f"there is no webhook {webhook_id}", webhook_id=webhook_id)
        return found

    def change(self, webhook_id: str, asked: WebhookChange) -> Webhook:
        """Changes it. A worker that is delivering to it notices within a second.

        Raises WebhookNotFound and InvalidWebhook.
        """
        values = self._changed(asked)
        self.find(webhook_id)
        if values:
            revised = values | {"revision": Webhook.revision + 1}
            self._run(Webhook.update(revised).where(Webhook.id == webhook_id))
        return self.find(webhook_id)

    def delete(self, webhook_id: str) -> None:
        """Raises WebhookNotFound."""
        self.find(webhook_id)
        with self._database.atomic():
            self._run(Webhook.delete().where(Webhook.id == webhook_id))
            self._run(WebhookAttempt.delete().where(WebhookAttempt.webhook_id == webhook_id))

    def attempts(
        self, webhook_id: str, asked: AttemptQuery, *, before: int | None, limit: int
    ) -> list[dict[str, Any]]:
        """The matching attempts, newest first."""
        query = self._attempts().where(WebhookAttempt.webhook_id == webhook_id)
        if asked.outcome is not None:
            query = query.where(WebhookAttempt.outcome == asked.outcome)
        if asked.event_id is not None:
            query = query.where(WebhookAttempt.event_id == asked.event_id)
        if before is not None:
            query = query.where(WebhookAttempt.id < before)
        rows = query.order_by(WebhookAttempt.id.desc()).limit(limit)
        return [_attempt(row) for row in self._database.execute(rows).fetchall()]

    def attempt(self, webhook_id: str, attempt_id: str) -> dict[str, Any]:
        """Raises AttemptNotFound."""
        row = None
        if attempt_id.isdecimal() and len(attempt_id) < 10:
            query = self._attempts().where(
                WebhookAttempt.webhook_id == webhook_id, WebhookAttempt.id == int(attempt_id)
            )
            row = self._database.execute(query).fetchone()
        if row is None:
            raise AttemptNotFound(f"there is no attempt {attempt_id}", attempt_id=attempt_id)
        return _attempt(row)

    def replay(self, webhook_id: str, attempt_id: str) -> dict[str, Any]:
        """Requests that the event of an attempt is sent once more; returns the new, waiting
        attempt.

        Raises WebhookNotFound, AttemptNotFound, WebhookDisabled, and EventNotKept.
        """
        webhook = self.find(webhook_id)
        attempt = self.attempt(webhook_id, attempt_id)
        if not webhook.is_enabled:
            raise WebhookDisabled(f"webhook {webhook_id} is disabled: enable it first")
        if attempt["kind"] is None:
            raise EventNotKept(f"the event {attempt['event_id']} is no longer kept")
        waiting = {
            "webhook_id": webhook_id,
            "event_id": attempt["event_id"],
            "outcome": "waiting",
            "is_replay": True,
            "started_at": now_text(),
        }
        return self.attempt(webhook_id, str(self._run(WebhookAttempt.insert(waiting))))

    def _changed(self, asked: WebhookChange) -> dict[str, Any]:
        given = asked.model_fields_set
        values: dict[str, Any] = {}
        if "url" in given:
            self._require_allowed(asked.url)
            values |= {"url": asked.url} | NOT_FAILING
        if "kinds" in given:
            values["kinds"] = json.dumps(asked.kinds)
        if "description" in given:
            values["description"] = asked.description
        if "after" in given:
            values |= {"delivered_event_id": asked.after} | NOT_FAILING
        if "enabled" in given:
            values |= {"is_enabled": asked.enabled} | _RESUMED
        return values

    def _require_allowed(self, url: str) -> None:
        try:
            target = read_target(url)
        except InvalidTarget as error:
            raise invalid("url", str(error)) from None
        if not self._allows_private and is_surely_private(target):
            raise invalid(
                "url", "is a private or special address: only with GLYPHD_WEBHOOK_PRIVATE=true"
            )

    def _latest_event(self) -> int:
        last = EventFeed.select(EventFeed.last_event_id)
        return int(self._database.execute(last).fetchone()[0])

    def _attempts(self) -> Any:
        columns: Mapping[str, Any] = WebhookAttempt._meta.columns | {
            "kind": FeedEvent.kind,
            "replay": WebhookAttempt.is_replay,
        }
        return WebhookAttempt.select(*(columns[name] for name in ATTEMPT_COLUMNS)).left_outer_join(
            FeedEvent, on=FeedEvent.id == WebhookAttempt.event_id
        )

    def _run(self, query: Any) -> Any:
        return query.bind(self._database).execute()


def kinds_of(webhook: Webhook) -> list[EventKind]:
    """The kinds of events that it gets; none: all."""
    return [EventKind(kind) for kind in json.loads(webhook.kinds)]


def prune_attempts(database: Database) -> None:
    """Deletes attempts that are older than ATTEMPTS_KEPT_DAYS."""
    before = utc_text(utc_now() - timedelta(days=ATTEMPTS_KEPT_DAYS))
    database.execute(WebhookAttempt.delete().where(WebhookAttempt.started_at < before))


def view_webhook(webhook: Webhook) -> WebhookView:
    """The webhook as clients see it, without the secret."""
    return WebhookView(
        webhook_id=webhook.id,
        url=webhook.url,
        kinds=kinds_of(webhook),
        description=webhook.description,
        enabled=webhook.is_enabled,
        disabled_reason=webhook.disabled_reason,
        created_at=webhook.created_at,
        after=webhook.delivered_event_id,
        last_delivered_at=webhook.delivered_at,
        failures=webhook.failure_count,
        failing_since=webhook.failing_since,
        next_attempt_at=webhook.next_attempt_at,
        last_error=webhook.last_error,
    )


def invalid(field: str, message: str) -> InvalidWebhook:
    """The error for one member."""
    return InvalidWebhook(f"{field} {message}", errors=[{"field": field, "message": message}])


def _attempt(row: tuple[Any, ...]) -> dict[str, Any]:
    found = dict(zip(ATTEMPT_COLUMNS, row, strict=True))
    return found | {"replay": bool(found["replay"])}


def _fits(webhook_id: str) -> bool:
    return "\0" not in webhook_id
