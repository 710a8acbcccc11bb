"""Which worker delivers to which webhook: a lease that is renewed with every record of progress."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from peewee import SQL, Database, Node, fn

from glyphd.db.compiled import compiled
from glyphd.db.event_models import EventFeed, FeedEvent
from glyphd.db.webhook_models import Webhook, WebhookAttempt
from glyphd.events.feed import Event, kept_events
from glyphd.events.webhook_records import kinds_of
from glyphd.events.webhook_retries import is_due
from glyphd.importing.registry import Registry
from glyphd.times import read_stored, utc_text

LEASE_SECONDS = 45.0
"""Longer than an exchange and the interval between records of progress, so that a running worker
never loses its lease."""

Clock = Callable[[], datetime]


class LeaseLost(Exception):
    """Another worker delivers to the webhook, or a client has changed or deleted it."""


@dataclass(frozen=True)
class Lease:
    """The right to deliver to a webhook as it was when the lease was taken."""

    webhook: Webhook
    owner: str


@dataclass
class DeliveryProgress:
    """Progress that is not recorded yet: attempts, and the columns of the webhook that they
    change."""

    attempts: list[dict[str, Any]] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)


class WebhookLeases:
    """Each method is one short transaction of the registry."""

    def __init__(self, registry: Registry, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock

    def due(self) -> list[str]:
        """The webhooks that need a delivery now. Usually one short statement."""
        with self._registry.connected():
            (behind,) = _behind(self._database)
            ids = [webhook_id for (webhook_id,) in behind.execute(self._database).fetchall()]
            if not ids:
                return []
            found = Webhook.select().where(Webhook.id.in_(ids)).bind(self._database)
            return [webhook.id for webhook in found if self._is_due(webhook)]

    def take(self, webhook_id: str) -> Lease | None:
        """Takes the lease; None if another worker was first, or there is nothing left to do."""
        owner = uuid4().hex
        with self._registry.connected(), self._database.atomic():
            found = Webhook.select().where(Webhook.id == webhook_id, Webhook.is_enabled)
            webhook = found.bind(self._database).first()
            if webhook is None or not self._is_free(webhook):
                return None
            held_before = (
                Webhook.lease_owner.is_null()
                if webhook.lease_owner is None
                else Webhook.lease_owner == webhook.lease_owner
            )
            taken = Webhook.update(lease_owner=owner, lease_until=self._end()).where(
                Webhook.id == webhook_id, held_before
            )
            return Lease(webhook, owner) if self._run(taken) == 1 else None

    def record(self, lease: Lease, progress: DeliveryProgress) -> None:
        """Records what was done and renews the lease. Raises LeaseLost if it is no longer held."""
        values = progress.values | {"lease_until": self._end()}
        with self._registry.connected(), self._database.atomic():
            if self._run(Webhook.update(values).where(*self._held(lease))) != 1:
                raise LeaseLost
            for attempt in progress.attempts:
                self._run(_query_of(attempt | {"webhook_id": lease.webhook.id}))

    def release(self, lease: Lease) -> None:
        """Releases the lease: other workers can take it immediately."""
        freed = Webhook.update(lease_owner=None, lease_until=None).where(
            Webhook.id == lease.webhook.id, Webhook.lease_owner == lease.owner
        )
        with self._registry.connected():
            self._run(freed)

    def next_events(self, webhook: Webhook, after: int, limit: int) -> Sequence[Event]:
        """The events that the webhook gets after this one."""
        with self._registry.connected():
            return kept_events(self._database, after, kinds_of(webhook), limit=limit)

    def replays(self, webhook: Webhook) -> list[tuple[int, Event]]:
        """The waiting replays, oldest first, each with its event."""
        query = self._waiting(webhook).order_by(WebhookAttempt.id)
        with self._registry.connected():
            found = list(query.bind(self._database))
            events = [kept_events(self._database, one.event_id - 1, [], limit=1) for one in found]
        return [(one.id, event[0]) for one, event in zip(found, events, strict=True)]

    def may_try(self, webhook: Webhook) -> bool:
        """Whether its next event may be sent: after a failure only when the pause is over."""
        planned = webhook.next_attempt_at and read_stored(webhook.next_attempt_at)
        return is_due(self._clock(), planned or None)

    def _is_due(self, webhook: Webhook) -> bool:
        if not self._is_free(webhook):
            return False
        if self._waiting(webhook).bind(self._database).exists():
            return True
        after, kinds = webhook.delivered_event_id, kinds_of(webhook)
        return self.may_try(webhook) and bool(kept_events(self._database, after, kinds, limit=1))

    def _is_free(self, webhook: Webhook) -> bool:
        """A lease that ends too far in the future was taken before the clock was set back."""
        if webhook.lease_until is None:
            return True
        left = (read_stored(webhook.lease_until) - self._clock()).total_seconds()
        return not 0 < left <= LEASE_SECONDS

    def _held(self, lease: Lease) -> tuple[Any, ...]:
        return (
            Webhook.id == lease.webhook.id,
            Webhook.lease_owner == lease.owner,
            Webhook.revision == lease.webhook.revision,
        )

    def _waiting(self, webhook: Webhook) -> Any:
        """The replays to send, except for those whose event is no longer kept."""
        of_event = FeedEvent.id == WebhookAttempt.event_id
        return (
            WebhookAttempt.select()
            .join(FeedEvent, on=of_event)
            .where(WebhookAttempt.webhook_id == webhook.id, WebhookAttempt.outcome == "waiting")
        )

    def _end(self) -> str:
        return utc_text(self._clock() + timedelta(seconds=LEASE_SECONDS))

    @property
    def _database(self) -> Any:
        return self._registry.database

    def _run(self, query: Any) -> Any:
        return query.bind(self._database).execute()


@compiled
def _behind(database: Database) -> list[Node]:
    """The ids of the enabled webhooks that are behind the latest event, even if its kind is not one
    of theirs, or that have a waiting replay."""
    latest = EventFeed.select(EventFeed.last_event_id)
    waiting = WebhookAttempt.select(SQL("1")).where(
        WebhookAttempt.webhook_id == Webhook.id, WebhookAttempt.outcome == SQL("'waiting'")
    )
    is_behind = (Webhook.delivered_event_id < latest) | fn.EXISTS(waiting)
    return [Webhook.select(Webhook.id).where(Webhook.is_enabled, is_behind)]


def _query_of(attempt: dict[str, Any]) -> Any:
    """A replay already has its row."""
    number = attempt.pop("id", None)
    if number is None:
        return WebhookAttempt.insert(attempt)
    return WebhookAttempt.update(attempt).where(WebhookAttempt.id == number)
