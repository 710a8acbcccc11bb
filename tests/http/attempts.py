"""Records attempts at webhooks, as a worker does."""

from glyphd.db.webhook_models import WebhookAttempt
from tests.service import Service


def add_attempt(
    service: Service, webhook_id: str, event_id: int = 1, outcome: str = "failed"
) -> None:
    database = service.services.registry.database
    with database.connection_context():
        values = {
            "webhook_id": webhook_id,
            "event_id": event_id,
            "outcome": outcome,
            "is_replay": False,
            "started_at": "2025-07-29T12:00:00.000000Z",
            "milliseconds": 12,
            "http_status": 500,
            "error": "http_status",
        }
        WebhookAttempt.insert(values).bind(database).execute()
