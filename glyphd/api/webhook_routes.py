"""`/api/webhooks`: addresses that events are sent to, and the attempts to deliver to them."""

from collections.abc import Iterator
from contextlib import contextmanager

from bottle import HTTPResponse

from glyphd.api.answers import answer_json, answer_page, require_changed, require_changed_list
from glyphd.api.descriptions import (
    DATABASE_PROBLEMS,
    JSON,
    About,
    Answer,
    Content,
    RequestBody,
    json_answer,
    page_answer,
)
from glyphd.api.json_bodies import read_small_json_body
from glyphd.api.members import AnyBody, read_members
from glyphd.api.needs import ADMIN
from glyphd.api.own_addresses import own_address
from glyphd.api.query_strings import query
from glyphd.api.routes import Route
from glyphd.contracts.queries import NoParameters, OutputQuery
from glyphd.contracts.webhook_contracts import (
    AttemptQuery,
    AttemptView,
    WebhookBody,
    WebhookChange,
    WebhookCreated,
    WebhookView,
)
from glyphd.event_errors import (
    AttemptNotFound,
    EventNotKept,
    InvalidWebhook,
    WebhookDisabled,
    WebhookNotFound,
)
from glyphd.events.webhook_records import ATTEMPT_COLUMNS, WebhookRecords, view_webhook
from glyphd.listings.cursors import read_cursor
from glyphd.listings.results import Page, cut_page
from glyphd.services import Services

DEFAULT_LIMIT = 100
WEBHOOK = "<webhook_id:re:[^/]{1,64}>"
ATTEMPT = "<attempt_id:re:[^/]{1,64}>"

LIST = About(
    "list_webhooks",
    "Webhooks",
    "All webhooks, oldest first",
    (page_answer(WebhookView, "The webhooks"),),
    "Their secrets are not shown.",
    query=OutputQuery,
    problems=DATABASE_PROBLEMS,
)
CREATE = About(
    "create_webhook",
    "Webhooks",
    "Add an address that events are sent to",
    (json_answer(WebhookCreated, "The webhook and its secret", "Location", status=201),),
    "Events are signed with the secret, by Standard Webhooks 1.0. It is shown only here.",
    body=RequestBody((Content(JSON, WebhookBody),)),
    problems=(*DATABASE_PROBLEMS, InvalidWebhook),
)
SHOW = About(
    "get_webhook",
    "Webhooks",
    "One webhook",
    (json_answer(WebhookView, "The webhook", "ETag"),),
    "Its progress, and its last error if it fails.",
    problems=(*DATABASE_PROBLEMS, WebhookNotFound),
)
CHANGE = About(
    "change_webhook",
    "Webhooks",
    "Change a webhook",
    (json_answer(WebhookView, "The webhook after the change"),),
    "A member that is left out keeps its value.",
    body=RequestBody((Content(JSON, WebhookChange),)),
    problems=(*DATABASE_PROBLEMS, WebhookNotFound, InvalidWebhook),
)
DELETE = About(
    "delete_webhook",
    "Webhooks",
    "Remove a webhook and its attempts",
    (Answer(204, "It is removed", ()),),
    "No more events are sent to it.",
    problems=(*DATABASE_PROBLEMS, WebhookNotFound),
)
ATTEMPTS = About(
    "list_webhook_attempts",
    "Webhooks",
    "The attempts to deliver events to a webhook, newest first",
    (page_answer(AttemptView, "The attempts", "Link"),),
    "Attempts are kept for 30 days.",
    query=AttemptQuery,
    problems=(*DATABASE_PROBLEMS, WebhookNotFound),
)
REPLAY = About(
    "replay_webhook_attempt",
    "Webhooks",
    "Send the event of an attempt again",
    (json_answer(AttemptView, "The new attempt, which a worker will send", status=202),),
    "It is sent outside the order of events.",
    problems=(*DATABASE_PROBLEMS, AttemptNotFound, EventNotKept, WebhookDisabled, WebhookNotFound),
)


class WebhooksApi:
    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/api/webhooks", self.list, ADMIN, about=LIST),
            Route("POST", "/api/webhooks", self.create, ADMIN, about=CREATE),
            Route("GET", f"/api/webhooks/{WEBHOOK}", self.show, ADMIN, about=SHOW),
            Route("PATCH", f"/api/webhooks/{WEBHOOK}", self.change, ADMIN, about=CHANGE),
            Route("DELETE", f"/api/webhooks/{WEBHOOK}", self.delete, ADMIN, about=DELETE),
            Route("GET", f"/api/webhooks/{WEBHOOK}/attempts", self.attempts, ADMIN, about=ATTEMPTS),
            Route(
                "POST",
                f"/api/webhooks/{WEBHOOK}/attempts/{ATTEMPT}/replay",
                self.replay,
                ADMIN,
                about=REPLAY,
            ),
        ]

    def list(self) -> HTTPResponse:
        """All webhooks, oldest first."""
        asked = query(OutputQuery)
        with self._records() as records:
            views = [view_webhook(webhook).model_dump(mode="json") for webhook in records.all()]
        page = Page(tuple(WebhookView.model_fields), [tuple(view.values()) for view in views], None)
        return answer_page(asked, page, require_changed_list(asked, views))

    def create(self) -> HTTPResponse:
        """A new webhook, with its secret."""
        query(NoParameters)
        body = self._body(WebhookBody)
        with self._records() as records:
            webhook = records.create(body)
        created = WebhookCreated(**view_webhook(webhook).model_dump(), secret=webhook.secret)
        return answer_json(
            created,
            201,
            Location=own_address(f"/api/webhooks/{webhook.id}"),
            Cache_Control="no-store",
        )

    def show(self, webhook_id: str) -> HTTPResponse:
        """One webhook."""
        query(NoParameters)
        with self._records() as records:
            view = view_webhook(records.find(webhook_id))
        return answer_json(view, **require_changed(view.model_dump(mode="json")))

    def change(self, webhook_id: str) -> HTTPResponse:
        """The webhook as it is after the change."""
        query(NoParameters)
        asked = self._body(WebhookChange)
        with self._records() as records:
            return answer_json(view_webhook(records.change(webhook_id, asked)))

    def delete(self, webhook_id: str) -> HTTPResponse:
        """Removes the webhook and its attempts."""
        query(NoParameters)
        with self._records() as records:
            records.delete(webhook_id)
        return HTTPResponse("", 204)

    def attempts(self, webhook_id: str) -> HTTPResponse:
        """The attempts to deliver to it, newest first."""
        asked = query(AttemptQuery)
        identity = [webhook_id, asked.outcome, asked.event_id]
        before = read_cursor(identity, asked.cursor, (int,))[0] if asked.cursor else None
        limit = asked.limit or DEFAULT_LIMIT
        with self._records() as records:
            records.find(webhook_id)
            found = records.attempts(webhook_id, asked, before=before, limit=limit + 1)
        rows = (([attempt["id"]], tuple(attempt.values())) for attempt in found)
        page = cut_page(ATTEMPT_COLUMNS, rows, limit, identity)
        headers = require_changed_list(asked, page.rows, page.next_cursor)
        return answer_page(asked, page, headers)

    def replay(self, webhook_id: str, attempt_id: str) -> HTTPResponse:
        """202 with a new attempt, which a worker will make."""
        query(NoParameters)
        with self._records() as records:
            return answer_json(records.replay(webhook_id, attempt_id), 202)

    def _body(self, contract: type[AnyBody]) -> AnyBody:
        return read_members(contract, read_small_json_body(), InvalidWebhook)

    @contextmanager
    def _records(self) -> Iterator[WebhookRecords]:
        registry = self._services.registry
        with registry.connected():
            yield WebhookRecords(
                registry.database, allows_private=self._services.settings.webhook_private
            )
