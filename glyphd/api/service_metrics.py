"""The metrics of the service as a whole: workers, disk, archive, events, webhooks, version."""

import platform
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from glyphd.api.import_metrics import import_metrics
from glyphd.db.event_models import EventFeed
from glyphd.db.sizes import archive_bytes
from glyphd.db.webhook_models import Webhook
from glyphd.disk import free_disk_bytes
from glyphd.events.webhook_records import WebhookRecords
from glyphd.importing.integrity_log import DAMAGED, IntegrityLog
from glyphd.services import Services
from glyphd.times import read_stored, utc_now

WEBHOOK_STATES = ("delivering", "failing", "disabled", "stopped")
"""`disabled`: by glyphd, because the receiver failed for too long or answered 410; `stopped`: by a
client."""


class ServiceMetrics(Collector):
    """Reads everything when the metrics are requested."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterator[Metric]:
        """All metrics except those of this process. Raises what the registry raises."""
        with self._services.registry.connected():
            yield self._build()
            yield from import_metrics(self._services.registry)
            yield from self._workers_and_disk()
            yield from self._integrity()
            yield from self._events()

    def _build(self) -> Metric:
        is_sqlite = self._services.settings.database_url is None
        values = {
            "version": version("glyphd"),
            "python": platform.python_version(),
            "database": "sqlite" if is_sqlite else "postgresql",
        }
        family = GaugeMetricFamily("glyphd_build_info", "What is running", labels=list(values))
        family.add_metric(list(values.values()), 1)
        return family

    def _workers_and_disk(self) -> Iterator[Metric]:
        services, settings = self._services, self._services.settings
        yield _gauge(
            "glyphd_workers_alive",
            "Workers that have sent a heartbeat in the last ten seconds",
            services.registry.workers_alive(),
        )
        yield _gauge(
            "glyphd_disk_free_bytes",
            "Free space on the disk of uploads and temporary files",
            free_disk_bytes(settings.scratch_dir),
        )
        yield _gauge(
            "glyphd_disk_reserve_bytes",
            "Free space below which uploads are refused",
            settings.disk_reserve_bytes,
        )
        yield _gauge(
            "glyphd_archive_bytes",
            "Size of the archive; on PostgreSQL, of the whole database",
            archive_bytes(settings, services.registry.database),
        )

    def _integrity(self) -> Iterator[Metric]:
        """Nothing before the first check."""
        last = IntegrityLog(self._services.registry).last()
        if last is None:
            return
        yield _gauge(
            "glyphd_integrity_check_timestamp_seconds",
            "When the databases were last checked for damage, in seconds since 1970",
            read_stored(last.checked_at).timestamp(),
        )
        yield _gauge(
            "glyphd_damaged",
            "1 if that check found damage, else 0",
            int(last.result == DAMAGED),
        )

    def _events(self) -> Iterator[Metric]:
        database = self._services.registry.database
        (last_id,) = database.execute(EventFeed.select(EventFeed.last_event_id)).fetchone()
        if last_id:
            yield _gauge(
                "glyphd_last_event_timestamp_seconds",
                "When the latest event was added to the feed, in seconds since 1970",
                last_id / 1_000_000,
            )
        webhooks = WebhookRecords(database, allows_private=True).all()
        counts = Counter(_state(webhook) for webhook in webhooks)
        family = GaugeMetricFamily("glyphd_webhooks", "Webhooks by their state", labels=["state"])
        for state in WEBHOOK_STATES:
            family.add_metric([state], counts[state])
        yield family
        yield _gauge(
            "glyphd_webhook_failing_seconds",
            "Time since the first failed attempt at a webhook's next event: the longest of all",
            max(map(_failing_seconds, webhooks), default=0.0),
        )


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value)


def _state(webhook: Webhook) -> str:
    if not webhook.is_enabled:
        return "stopped" if webhook.disabled_reason is None else "disabled"
    return "delivering" if webhook.failing_since is None else "failing"


def _failing_seconds(webhook: Webhook) -> float:
    if not webhook.is_enabled or webhook.failing_since is None:
        return 0.0
    since = utc_now() - read_stored(webhook.failing_since)
    return max(0.0, since.total_seconds())
