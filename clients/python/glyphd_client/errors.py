"""Everything that can go wrong, each with a stable code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from glyphd_client.statuses import ImportStatus


class ClientError(Exception):
    """What went wrong: `code` for programs, `detail` for people, `errors` with the rows at
    fault."""

    code = "client_error"
    errors: tuple[Any, ...] = ()

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.code


class InvalidUse(ClientError):
    """The call can't work as it was made: a wrong address, a certificate that is not trusted."""

    code = "invalid_use"


class LocalFileError(ClientError):
    """The file can't be read here, or was changed while it was being sent."""

    code = "local_file"


class MissingExtra(ClientError, ImportError):
    """A package that this method needs is not installed."""

    code = "missing_extra"


class TryLater(ClientError):
    """The service can't be reached, or can't take this now. The same call may work later.

    `status` is the HTTP status, None without an answer; `retry_after` is the seconds that the
    service asked to wait, if it did.
    """

    code = "unreachable"
    status: int | None = None
    retry_after: float | None = None


class Refused(ClientError):
    """The service refused the request. `problem` is its whole answer (RFC 9457)."""

    def __init__(self, status: int, problem: Mapping[str, Any], request_id: str | None) -> None:
        super().__init__(str(problem["detail"]), code=str(problem["code"]))
        self.status = status
        self.problem = problem
        self.request_id = request_id
        self.errors = tuple(problem.get("errors", ()))


class FileRefused(Refused):
    """The file can't be imported as it is."""


class NotAllowed(Refused):
    """The token is missing, wrong, or not sufficient."""


class NotFound(Refused):
    """There is no such import."""


class ImportFailed(ClientError):
    """The import ended without its rows in the market: it failed, was cancelled or was rolled
    back.

    `status` is the whole status, `errors` its first row errors.
    """

    def __init__(self, code: str, detail: str, status: ImportStatus) -> None:
        super().__init__(detail, code=code)
        self.status = status
        self.errors = status.errors


class StillRunning(ClientError):
    """The import has not ended in the time that it was given. It goes on."""

    code = "still_running"

    def __init__(self, detail: str, status: ImportStatus) -> None:
        super().__init__(detail)
        self.status = status
