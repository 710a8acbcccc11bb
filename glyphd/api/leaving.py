"""Whether the client is still there: long work ends when nobody waits for it any more."""

from bottle import request

CLIENT_LEFT = "glyphd.client_left"
"""The name in a request's environment under which our server says whether its client has closed the
connection."""


def client_left() -> bool:
    """True once the client has left; never behind a server that can't say."""
    asked = request.environ.get(CLIENT_LEFT)
    return asked is not None and bool(asked())
