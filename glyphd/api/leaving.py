"""Whether the client is still connected: long work ends if it is not."""

from bottle import request

CLIENT_LEFT = "glyphd.client_left"
"""The key in a request's environment with our server's function for whether the client has closed
the connection."""


def client_left() -> bool:
    """True after the client has disconnected; always False behind a server that does not report
    it."""
    asked = request.environ.get(CLIENT_LEFT)
    return asked is not None and bool(asked())
