"""The webhooks of a registry, and its events."""

from typing import Any

from glyphd.contracts.webhook_contracts import AttemptQuery, WebhookBody, WebhookChange
from glyphd.events.feed import kept_events
from glyphd.events.webhook_records import WebhookRecords
from glyphd.events.webhook_targets import any_address
from glyphd.importing.registry import Registry
from worker.webhook_sending import Manners

PRIVATE = Manners(any_address, exchange_seconds=0.5)


class Webhooks:
    """The webhooks of a registry, as the API sees them."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._records = WebhookRecords(registry.database, allows_private=True)

    def add(self, url: str, **members: Any) -> Any:
        with self._registry.connected():
            return self._records.create(WebhookBody(url=url, **members))

    def find(self, webhook: Any) -> Any:
        with self._registry.connected():
            return self._records.find(webhook.id)

    def change(self, webhook: Any, **members: Any) -> None:
        with self._registry.connected():
            self._records.change(webhook.id, WebhookChange(**members))

    def replay(self, webhook: Any, attempt: int) -> dict[str, Any]:
        with self._registry.connected():
            return self._records.replay(webhook.id, str(attempt))

    def attempts(self, webhook: Any) -> list[dict[str, Any]]:
        """The attempts, oldest first."""
        with self._registry.connected():
            asked = AttemptQuery()
            found = self._records.attempts(webhook.id, asked, before=None, limit=10**6)
        return found[::-1]


def event_ids(registry: Registry) -> list[int]:
    with registry.connected():
        return [event[0] for event in kept_events(registry.database, 0, [], limit=10**6)]
