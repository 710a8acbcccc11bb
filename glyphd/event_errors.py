"""The errors of requests about events, webhooks or watches."""

from glyphd.errors import Conflict, GlyphdError, NotFound, Refused


class Gone(GlyphdError):
    """Something existed, but is no longer kept."""

    code = "gone"
    title = "This is no longer kept"


class EventsPruned(Gone):
    """Events that a reader has not read yet were deleted because of their age."""

    code = "events_pruned"
    title = "Some of the requested events are no longer kept"


class EventNotKept(Gone):
    """The event of an attempt was deleted because of its age."""

    code = "event_not_kept"
    title = "The event is no longer kept"


class WebhookNotFound(NotFound):
    code = "webhook_not_found"
    title = "No such webhook"


class AttemptNotFound(NotFound):
    """The webhook has no such attempt, or it was deleted because of its age."""

    code = "attempt_not_found"
    title = "No such attempt"


class WebhookDisabled(Conflict):
    """The webhook is disabled, so nothing is sent to it."""

    code = "webhook_disabled"
    title = "The webhook is disabled"


class InvalidWebhook(Refused):
    """The members of a webhook are not valid; `errors` names each of them."""

    code = "invalid_webhook"
    title = "The webhook is not valid"


class WatchNotFound(NotFound):
    code = "watch_not_found"
    title = "No such watch"


class TooManyWatches(Conflict):
    """There already are as many watches as an import may be compared with."""

    code = "too_many_watches"
    title = "There are too many watches"


class InvalidWatch(Refused):
    """The members of a watch are not valid; `errors` names each of them."""

    code = "invalid_watch"
    title = "The watch is not valid"
