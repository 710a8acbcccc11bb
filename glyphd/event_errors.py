"""What can be wrong with a request about events or webhooks."""

from glyphd.errors import Conflict, GlyphdError, NotFound, Refused


class Gone(GlyphdError):
    """Something was there, and is no longer kept."""

    code = "gone"
    title = "This is no longer kept"


class EventsPruned(Gone):
    """Events that a reader has not had yet were deleted for their age."""

    code = "events_pruned"
    title = "Some of the requested events are no longer kept"


class EventNotKept(Gone):
    """The event of an attempt was deleted for its age."""

    code = "event_not_kept"
    title = "The event is no longer kept"


class WebhookNotFound(NotFound):
    code = "webhook_not_found"
    title = "No such webhook"


class AttemptNotFound(NotFound):
    """The webhook has no such attempt, or it was deleted for its age."""

    code = "attempt_not_found"
    title = "No such attempt"


class WebhookDisabled(Conflict):
    """Nothing is sent to the webhook."""

    code = "webhook_disabled"
    title = "The webhook is disabled"


class InvalidWebhook(Refused):
    """What was said about a webhook can't be done; `errors` names each member."""

    code = "invalid_webhook"
    title = "The webhook is not valid"


class WatchNotFound(NotFound):
    code = "watch_not_found"
    title = "No such watch"


class TooManyWatches(Conflict):
    """There are as many watches as an import may be compared with."""

    code = "too_many_watches"
    title = "There are too many watches"


class InvalidWatch(Refused):
    """What was said about a watch can't be done; `errors` names each member."""

    code = "invalid_watch"
    title = "The watch is not valid"
