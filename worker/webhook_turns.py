"""One turn at one webhook: its replays, then its events in order, until one of them fails."""

import json
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Any

import structlog

from glyphd.events.feed import Event
from glyphd.events.webhook_records import NOT_FAILING
from glyphd.events.webhook_retries import next_attempt, read_retry_after
from glyphd.events.webhook_signatures import signed_headers
from glyphd.events.webhook_targets import read_target
from glyphd.times import read_stored, utc_text
from worker.webhook_leases import Clock, DeliveryProgress, Lease, LeaseLost, WebhookLeases
from worker.webhook_sending import Delivery, Manners, Sender, Watch

EVENTS_READ = 200
RECORD_SECONDS = 1.0
"""How often progress is recorded: a transaction for each event would delay imports. After a kill,
events sent since then are sent again."""
RENEW_SECONDS = 15.0
LONGEST_TURN_SECONDS = 60.0
"""How long a turn lasts if other webhooks wait for a thread."""
GONE = 410

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Desk:
    """What every turn needs. `must_stop` returns whether the process must end; `give_way` is called
    with the CPU time that a request took."""

    leases: WebhookLeases
    manners: Manners
    watch: Watch
    clock: Clock
    must_stop: Callable[[], bool]
    give_way: Callable[[float], None]


class WebhookTurn:
    """Delivers to one webhook under a lease."""

    def __init__(self, desk: Desk, lease: Lease) -> None:
        self._desk = desk
        self._lease = lease
        self._webhook = lease.webhook
        self._sender = Sender(read_target(lease.webhook.url), desk.manners, desk.watch)
        self._progress = DeliveryProgress()
        self._began = self._recorded = time.monotonic()
        self._renewed_at = desk.clock()

    def run(self) -> None:
        """Sends until nothing is left, the receiver fails, the lease is lost, or others wait."""
        try:
            with closing(self._sender):
                self._replay()
                if self._desk.leases.may_try(self._webhook):
                    self._deliver()
                self._record()
        except LeaseLost:
            log.info("webhook_lease_lost", webhook_id=self._webhook.id)
        finally:
            self._desk.leases.release(self._lease)

    def _replay(self) -> None:
        """Tries each replay once, whatever its outcome: later events don't wait for it."""
        for number, event in self._desk.leases.replays(self._webhook):
            if self._send(event, number) is None:
                return

    def _deliver(self) -> None:
        after = self._webhook.delivered_event_id
        while events := self._desk.leases.next_events(self._webhook, after, EVENTS_READ):
            for event in events:
                answered = self._send(event)
                if answered is None:
                    return
                if answered.error is not None:
                    self._fail(answered)
                    return
                after = event[0]
                self._succeed(after)
            if time.monotonic() - self._began > LONGEST_TURN_SECONDS:
                return

    def _send(self, event: Event, replay: int | None = None) -> Delivery | None:
        """One attempt; None if the process must end, which is not the receiver's fault."""
        if self._desk.must_stop():
            return None
        cpu = time.thread_time()
        now = self._desk.clock()
        if abs((now - self._renewed_at).total_seconds()) > RENEW_SECONDS:
            self._record()  # this process may have been suspended and have lost the lease meanwhile
        body = _body_of(event)
        headers = signed_headers(self._webhook.secret, event[0], int(now.timestamp()), body)
        answered = self._sender.post(body, _HEADERS | headers)
        if answered.error is not None and self._desk.must_stop():
            return None
        self._progress.attempts.append(_attempt_of(event, now, answered, replay))
        if time.monotonic() - self._recorded > RECORD_SECONDS:
            self._record()
        self._desk.give_way(time.thread_time() - cpu)
        return answered

    def _succeed(self, event_id: int) -> None:
        self._progress.values |= NOT_FAILING | {
            "delivered_event_id": event_id,
            "delivered_at": utc_text(self._desk.clock()),
        }
        self._webhook.failure_count, self._webhook.failing_since = 0, None

    def _fail(self, answered: Delivery) -> None:
        """Plans the next attempt at the event that failed, or disables the webhook."""
        now, webhook = self._desk.clock(), self._webhook
        since = read_stored(webhook.failing_since) if webhook.failing_since else now
        count = webhook.failure_count + 1
        planned = next_attempt(
            now,
            failures=count,
            failing_since=since,
            retry_after=read_retry_after(answered.retry_after, now),
        )
        reason = "gone" if answered.http_status == GONE else None if planned else "failing"
        self._progress.values |= {
            "failure_count": count,
            "failing_since": utc_text(since),
            "next_attempt_at": None if reason or planned is None else utc_text(planned),
            "last_error": _words(answered),
        }
        if reason is not None:
            self._progress.values |= {"is_enabled": False, "disabled_reason": reason}
        self._log_failure(answered, count, reason)

    def _log_failure(self, answered: Delivery, count: int, reason: str | None) -> None:
        """Logs without the URL, which may contain a secret."""
        log.warning(
            "webhook_disabled" if reason else "webhook_failed",
            webhook_id=self._webhook.id,
            error=answered.error,
            http_status=answered.http_status,
            failures=count,
            reason=reason,
        )

    def _record(self) -> None:
        progress, self._progress = self._progress, DeliveryProgress()
        self._recorded, self._renewed_at = time.monotonic(), self._desk.clock()
        self._desk.leases.record(self._lease, progress)


_HEADERS = {"Content-Type": "application/json", "User-Agent": f"glyphd/{version('glyphd')}"}


def _body_of(event: Event) -> bytes:
    """The payload that Standard Webhooks recommends, and the event's id."""
    event_id, kind, occurred_at, data = event
    content = {"id": event_id, "type": kind, "timestamp": occurred_at, "data": data}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _attempt_of(
    event: Event, began: datetime, answered: Delivery, replay: int | None
) -> dict[str, Any]:
    found = {
        "event_id": event[0],
        "outcome": "delivered" if answered.error is None else "failed",
        "is_replay": replay is not None,
        "started_at": utc_text(began),
        "milliseconds": answered.milliseconds,
        "http_status": answered.http_status,
        "error": answered.error,
    }
    return found if replay is None else found | {"id": replay}


def _words(answered: Delivery) -> str:
    if answered.http_status is None:
        return str(answered.error)
    return f"{answered.error}: {answered.http_status}"
