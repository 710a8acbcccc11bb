"""What the exit code of `glyphd-push` says."""

from collections.abc import Iterable

from glyphd_client.errors import (
    ClientError,
    FileRefused,
    ImportFailed,
    LocalFileError,
    StillRunning,
    TryLater,
)

DONE = 0
AT_FAULT = 1
USAGE = 2
STILL_RUNNING = 69
TRY_LATER = 75
INTERRUPTED = 130

_SEVERITY = (DONE, STILL_RUNNING, TRY_LATER, AT_FAULT, USAGE, INTERRUPTED)
"""From what needs nothing, to what time may cure, to what needs a person."""


def exit_code_of(error: ClientError | None) -> int:
    if error is None:
        return DONE
    if isinstance(error, TryLater):
        return TRY_LATER
    if isinstance(error, StillRunning):
        return STILL_RUNNING
    if isinstance(error, FileRefused | ImportFailed | LocalFileError):
        return AT_FAULT
    return USAGE


def worst(codes: Iterable[int]) -> int:
    return max(codes, key=_SEVERITY.index, default=DONE)
