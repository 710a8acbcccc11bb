"""The `traceparent` of W3C Trace Context: which trace of its caller a request belongs to."""

import re

_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)
_ENDS_HERE = "00-"
"""The version after whose fields nothing may follow."""


def read_traceparent(sent: str) -> str | None:
    """The `traceparent` without what later versions add to it; None if it is not valid."""
    found = _TRACEPARENT.match(sent)
    rest = sent[found.end() :] if found else ""
    if found is None or (rest and (sent.startswith(_ENDS_HERE) or not rest.startswith("-"))):
        return None
    return found[0]


def trace_id_of(traceparent: str) -> str:
    """The 32 hex digits that all requests of a trace share."""
    return traceparent.split("-")[1]
