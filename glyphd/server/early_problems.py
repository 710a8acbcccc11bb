"""Refusals by waitress and by admission, with the same texts and codes as other problems."""

from http import HTTPStatus

from waitress.utilities import Error

from glyphd.api.problems import status_of
from glyphd.errors import GlyphdError
from glyphd.request_errors import HeadersTooLarge, InvalidRequest, NotSupported, TooLarge

_LONGEST_REASON = 200


# Refusals by waitress itself, with our texts if its own would name its parameters.
_OF_WAITRESS: dict[int, tuple[type[GlyphdError], str | None]] = {
    400: (InvalidRequest, None),
    413: (TooLarge, "the body is larger than the limit for uploads"),
    431: (HeadersTooLarge, "the request line and headers are too large"),
    500: (GlyphdError, "something went wrong inside glyphd"),
    501: (NotSupported, None),
}


class Refusal(Error):
    """One of glyphd's failures, in the form in which waitress passes errors from its parser to the
    answer."""

    def __init__(self, failure: GlyphdError) -> None:
        super().__init__(failure.detail)
        self.failure = failure
        self.code = status_of(failure)
        self.reason = HTTPStatus(self.code).phrase


def failure_of(error: Error) -> GlyphdError:
    """The failure for an error of waitress: glyphd's own as it was raised, one of waitress's by its
    status."""
    if isinstance(error, Refusal):
        return error.failure
    kind, detail = _OF_WAITRESS[error.code]
    return kind(detail or error.body[:_LONGEST_REASON])
