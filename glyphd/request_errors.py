"""What can be wrong with a request itself, before anything is asked of what is stored."""

from glyphd.errors import GlyphdError


class InvalidRequest(GlyphdError):
    """What the caller asked can't be understood."""

    code = "invalid_request"
    title = "The request is not valid"


class UnknownParameter(InvalidRequest):
    code = "unknown_parameter"
    title = "Unknown parameter"


class InvalidParameter(InvalidRequest):
    code = "invalid_parameter"
    title = "A parameter has a bad value"


class InvalidIdempotencyKey(InvalidRequest):
    code = "invalid_idempotency_key"
    title = "The Idempotency-Key is not valid"


class InvalidCursor(InvalidRequest):
    code = "invalid_cursor"
    title = "The cursor belongs to another query"


class MalformedBody(InvalidRequest):
    code = "malformed_body"
    title = "The body can't be parsed"


class InvalidHost(InvalidRequest):
    """No host was named, several were, or something that is none."""

    code = "invalid_host"
    title = "The Host header is not valid"


class NotSupported(InvalidRequest):
    code = "not_supported"
    title = "This version does not support that"


class HttpVersionNotSupported(InvalidRequest):
    code = "http_version_not_supported"
    title = "This version of HTTP is not supported"


class HeadersTooLarge(GlyphdError):
    code = "headers_too_large"
    title = "The request line and headers are too large"


class LengthMissing(GlyphdError):
    code = "length_required"
    title = "The request needs a length"


class CrossSiteRequest(GlyphdError):
    """A page of another site asked a browser to change something here."""

    code = "cross_site_request"
    title = "The request comes from another site"


class HostNotAllowed(GlyphdError):
    """The request is for a name that this service does not go by."""

    code = "host_not_allowed"
    title = "This host is not served here"


class NotAcceptable(GlyphdError):
    code = "not_acceptable"
    title = "No acceptable format"


class TooLarge(GlyphdError):
    code = "too_large"
    title = "The body is too large"


class UnsupportedType(GlyphdError):
    code = "unsupported_media_type"
    title = "Unsupported media type"
