"""What came of one file or import, and the sentences that say so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glyphd_client.errors import ClientError, FileRefused, ImportFailed, Refused, StillRunning
from glyphd_client.exit_codes import exit_code_of
from glyphd_client.statuses import Effect, ImportStatus, RowError


@dataclass(frozen=True)
class Outcome:
    """What came of a file, or of an import by its id: `name` is either."""

    name: str
    status: ImportStatus | None = None
    error: ClientError | None = None
    is_replayed: bool = False
    report: Path | None = None

    @property
    def exit_code(self) -> int:
        return exit_code_of(self.error)


def as_json(outcome: Outcome) -> dict[str, Any]:
    """The outcome for programs."""
    error = outcome.error
    return {
        "file": outcome.name,
        "exit_code": outcome.exit_code,
        "replayed": outcome.is_replayed,
        "import": None if outcome.status is None else outcome.status.raw,
        "error": None if error is None else {"code": error.code, "detail": error.detail},
        "problem": error.problem if isinstance(error, Refused) else None,
        "report": None if outcome.report is None else str(outcome.report),
    }


def result_line(outcome: Outcome) -> str:
    """What came of it, in one sentence."""
    name, status, error = printable(outcome.name), outcome.status, outcome.error
    if isinstance(error, StillRunning) and status is not None:
        return f"{name}: import {status.import_id} is {status.status}, {status.progress:.0%} done"
    if isinstance(error, ImportFailed | FileRefused):
        return f"{name}: not imported: {printable(error.detail)}"
    if error is not None:
        return f"{name}: {printable(error.detail)}"
    assert status is not None
    again = " (pushed before)" if outcome.is_replayed else ""
    said = f"{_rows(status)}{_effect(status.effect)}, import {status.import_id}{again}"
    return f"{name}: {'checked' if status.dry_run else 'imported'} {said}"


def _rows(status: ImportStatus) -> str:
    left_out = f", {status.error_count} left out" if status.error_count else ""
    return f"{status.record_count} row{'' if status.record_count == 1 else 's'}{left_out}"


def _effect(effect: Effect | None) -> str:
    if effect is None:
        return ""
    counts: Mapping[str, int] = vars(effect)
    said = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return f" ({said})" if said else ""


def error_lines(outcome: Outcome) -> Iterator[str]:
    """The first row errors, each with its line and column."""
    status, error = outcome.status, outcome.error
    errors = status.errors if status is not None else () if error is None else error.errors
    for row_error in errors:
        yield error_line(outcome.name, row_error)
    more = 0 if status is None else status.error_count - len(errors)
    if more > 0 and status is not None:
        yield f"and {more} more; all of them: glyphd-push errors {status.import_id}"


def error_line(name: str, error: RowError) -> str:
    """`offers.csv:5: price_usd is not a decimal number: $1,299.00`, as compilers do."""
    column = f"{error.column} " if error.column else ""
    value = "" if error.value is None else f": {error.value}"
    return printable(f"{name}:{error.line}: {column}{error.message}{value}")


def warning_lines(outcome: Outcome) -> Iterator[str]:
    """The file's oddities, each with the lines where it was seen first."""
    for warning in () if outcome.status is None else outcome.status.warnings:
        lines = ", ".join(map(str, warning.first_lines))
        where = f" (line {lines})" if lines else ""
        hint = f"; {warning.hint}" if warning.hint else ""
        yield printable(f"{outcome.name}: warning: {warning.message}{where}{hint}")


def printable(text: str) -> str:
    """The text without anything that a terminal would obey: what a file says is data."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
