"""Requests as the server passes them to the app, byte for byte; webtest would normalise or refuse
hostile ones."""

import io
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from tests.service import Service


@dataclass(frozen=True)
class Answer:
    """The app's answer, and the part of the request's body that it left unread."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    unread: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str:
        return next((value for given, value in self.headers if given.lower() == name.lower()), "")


def ask(
    service: Service,
    target: str,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
) -> Answer:
    """Sends a request whose target may contain any percent-encoded bytes."""
    path, _, query = target.partition("?")
    stream = io.BytesIO(body)
    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8080",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "127.0.0.1:8080",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": stream,
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in (headers or {}).items():
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    started: list[Any] = []
    app: Any = service.http.app
    given = app(environ, lambda status, pairs, failure=None: started.append((status, pairs)))
    try:
        content = b"".join(given)
    finally:
        getattr(given, "close", lambda: None)()
    status, pairs = started[-1]
    return Answer(int(status.split()[0]), pairs, content, stream.read())
