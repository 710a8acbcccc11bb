"""Answers requests: by the app, or with a problem document if waitress or admission refused
them."""

from collections.abc import Iterator
from typing import BinaryIO

import structlog
from waitress.channel import ClientDisconnected
from waitress.task import ErrorTask, Task, WSGITask

from glyphd.api.leaving import CLIENT_LEFT
from glyphd.api.problems import problem
from glyphd.api.refusals import RefusedRequest
from glyphd.api.request_ids import request_id_from
from glyphd.api.weights import Weight
from glyphd.server.early_problems import failure_of
from glyphd.server.parsing import RequestParser

log = structlog.get_logger(__name__)


class UnsentFile:
    """`wsgi.file_wrapper` for HEAD: waitress sends its own wrapper directly, for any method."""

    def __init__(self, file: BinaryIO, *_block_size: int) -> None:
        self._file = file

    def __iter__(self) -> Iterator[bytes]:
        return iter(())

    def close(self) -> None:
        self._file.close()


class QuietHead(Task):
    """An answer that sends no body if the request was a HEAD."""

    def write(self, data: bytes) -> None:
        super().write(b"" if self.is_head else data)

    def finish(self) -> None:
        if self.is_head:
            self.write(b"")
            # waitress would end a body without a length with a last chunk, which is a body too.
            self.chunked_response = False
        super().finish()
        self.channel.send_pending()  # type: ignore[attr-defined]  # ours, see channels

    @property
    def is_head(self) -> bool:
        return self.asked.method == "HEAD"

    @property
    def asked(self) -> RequestParser:
        """The client's request; if the app failed, `self.request` is only a replacement made by
        waitress."""
        asked: object = next(iter(self.channel.requests), self.request)
        assert isinstance(asked, RequestParser)
        return asked


class AnswerTask(QuietHead, WSGITask):
    """The app's answer."""

    def service(self) -> None:
        """Raises ClientDisconnected for a heavy request whose client has disconnected."""
        if self.channel.weight is Weight.HEAVY and self.channel.has_left():  # type: ignore[attr-defined]  # ours
            raise ClientDisconnected
        super().service()

    def get_environment(self) -> dict[str, object]:
        environ = super().get_environment()
        environ[CLIENT_LEFT] = self.channel.has_left  # type: ignore[attr-defined]  # ours
        if self.is_head:
            environ["wsgi.file_wrapper"] = UnsentFile
        return environ

    def build_response_header(self) -> bytes:
        if self._is_last:
            self.set_close_on_finish()
        return super().build_response_header()

    def set_close_on_finish(self) -> None:
        """waitress assumes that every answer without a length ends with its connection, but 304 and
        204 have none and end with their headers."""
        if self.has_body or self.version != "1.1" or self._is_last:
            super().set_close_on_finish()

    @property
    def _is_last(self) -> bool:
        """Whether the server is about to stop, or the client asked to close the connection."""
        draining: bool = getattr(self.channel, "draining", False)
        return draining or self.asked.connection_close


class ProblemTask(QuietHead, ErrorTask):
    """A refusal, or the answer if the app failed: a problem, after which the connection is
    closed."""

    def execute(self) -> None:
        given: object = self.request
        assert isinstance(given, RequestParser)
        assert given.error is not None
        failure, name = (
            failure_of(given.error),
            request_id_from(self.asked.headers.get("X_REQUEST_ID", "")),
        )
        refusal = problem(
            given.error.code, failure.code, failure.title, failure.detail, **failure.members
        )
        refused = RefusedRequest(
            path=self.asked.path,
            accept=self.asked.headers.get("ACCEPT", ""),
            request_id=name,
            peer=self.channel.addr[0],
            forwarded_prefix=self.asked.headers.get("X_FORWARDED_PREFIX", ""),
        )
        answer = self.channel.present(refusal, refused)  # type: ignore[attr-defined]  # ours, see channels
        self.status = answer.status_line
        self.response_headers = [*answer.headerlist, ("X-Request-Id", name)]
        self.set_close_on_finish()
        self.content_length = len(answer.body)
        # A line for each would fill the log; the dispatcher reports them together.
        note = log.debug if self.channel.is_turned_away else log.info  # type: ignore[attr-defined]  # ours
        note(
            "request_refused",
            status=given.error.code,
            code=failure.code,
            reason=failure.detail,
            method=self.asked.method,
            path=self.asked.path,
            size_bytes=self.asked.content_length,
            client=self.channel.addr[0],
            request_id=name,
        )
        self.write(answer.body)
