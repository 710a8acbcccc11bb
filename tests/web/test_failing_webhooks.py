"""The status page shows failing webhooks."""

from glyphd.db.webhook_models import Webhook
from tests.service import Service
from tests.web.browsing import Browser

SECRET = "https://hooks.example.com/services/secret"


def _alter(service: Service, **values: object) -> None:
    database = service.services.registry.database
    with database.connection_context():
        Webhook.update(values).bind(database).execute()


def test_a_webhook_that_works_is_not_shown(service: Service) -> None:
    service.http.post_json("/api/webhooks", {"url": SECRET})
    assert Browser(service).page("/status").find(id="webhooks") is None


def test_one_that_fails_is_shown_without_its_secret(service: Service) -> None:
    service.http.post_json("/api/webhooks", {"url": SECRET})
    moment = "2025-07-29T12:00:00.000000Z"
    _alter(service, failure_count=7, failing_since=moment, last_error="http_status: 500")
    page = Browser(service).page("/status")
    row = page.find(id="webhooks").find_next("table").tbody.tr.get_text(" ", strip=True)
    for words in ("hooks.example.com", "failing", "http_status: 500", "7"):
        assert words in row
    assert "secret" not in page.get_text()


def test_one_that_was_disabled_for_failing_is_shown(service: Service) -> None:
    service.http.post_json("/api/webhooks", {"url": SECRET})
    _alter(service, is_enabled=False, disabled_reason="gone", last_error="http_status: 410")
    page = Browser(service).page("/status")
    assert "disabled" in page.find(id="webhooks").find_next("table").get_text()
