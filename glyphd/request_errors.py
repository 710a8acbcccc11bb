"""The errors of a request itself, found before any stored data is read."""

from glyphd.errors import GlyphdError


class InvalidRequest(GlyphdError):
    """The request can't be understood."""

    code = "invalid_request"
    title = "The request is not valid"


class UnknownParameter(InvalidRequest):
    code = "unknown_parameter"
    title = "Unknown parameter"


class InvalidParameter(InvalidRequest):
    code = "invalid_parameter"
    title = "A parameter has an invalid value"


class InvalidIdempotencyKey(InvalidRequest):
    code = "invalid_idempotency_key"
    title = "The Idempotency-Key is not valid"


class InvalidCursor(InvalidRequest):
    code = "invalid_cursor"
    title = "The cursor can't be used for this query"


class MalformedBody(InvalidRequest):
    code = "malformed_body"
    title = "The body can't be parsed"


class InvalidHost(InvalidRequest):
    """The request names no host, several, or an invalid one."""

    code = "invalid_host"
    title = "The Host header is not valid"


class NotSupported(InvalidRequest):
    code = "not_supported"
    title = "The request needs something that is not supported"


class HttpVersionNotSupported(InvalidRequest):
    code = "http_version_not_supported"
    title = "This version of HTTP is not supported"


class HeadersTooLarge(GlyphdError):
    code = "headers_too_large"
    title = "The request line and headers are too large"


class LengthMissing(GlyphdError):
    code = "length_required"
    title = "The request has no length"


class CrossSiteRequest(GlyphdError):
    """A page of another site tried to change something here."""

    code = "cross_site_request"
    title = "The request comes from another site"


class HostNotAllowed(GlyphdError):
    """The request is for a host name that is not this service's."""

    code = "host_not_allowed"
    title = "This host is not served here"


class NotAcceptable(GlyphdError):
    code = "not_acceptable"
    title = "No acceptable format"


class TooLarge(GlyphdError):
    code = "too_large"
    title = "The body is too large"


class RangeNotSatisfiable(GlyphdError):
    code = "range_not_satisfiable"
    title = "The range is outside the content"


class UnsupportedType(GlyphdError):
    code = "unsupported_media_type"
    title = "Unsupported media type"


class Unauthorized(GlyphdError):
    """A token is needed, and none was sent."""

    code = "unauthorized"
    title = "A token is needed"


class InvalidToken(Unauthorized):
    """The token that was sent is unknown to this service."""

    code = "invalid_token"
    title = "The token is not valid"


class TokenExpired(InvalidToken):
    code = "token_expired"
    title = "The token has expired"


class TokenRevoked(InvalidToken):
    code = "token_revoked"
    title = "The token was revoked"


class InsufficientScope(GlyphdError):
    """The token is valid, but does not allow this."""

    code = "insufficient_scope"
    title = "The token does not allow this"


class TooManyFailures(GlyphdError):
    """Too many requests with wrong tokens came from one address."""

    code = "too_many_failures"
    title = "Too many wrong tokens"
