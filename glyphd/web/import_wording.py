"""How imports read on a page: what they are called, where they stand, who sent them, and how long
things take."""

from collections.abc import Callable, Mapping

from glyphd.contracts.import_contracts import ImportStatus, ImportView
from glyphd.importing.intake import NDJSON
from glyphd.web.wording import day_and_time, number

_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
"""Names within a browser's User-Agent. Each of them also names those that come after it here."""

_DELIMITERS = {",": "commas", ";": "semicolons", "tab": "tabs", "|": "vertical bars"}

ADVICE = {
    "invalid_rows": "Nothing was written, so that no half of a file counts. Take the file to "
    "fix: your own, with "
    "what is wrong in front of each row. Correct it and send it back.",
    "unreadable_file": "From the line named above on the rows can't be separated. Correct the "
    "file and send it.",
    "too_large_for_disk": "Make room on the disk and run it again, or split the file.",
    "archive_damaged": "Repair the archive as the manual says, then run this import again: the "
    "file is kept.",
    "worker_lost": "The log of the service says more. The file is kept: run the import again.",
    "internal_error": "The log of the service says more. The file is kept: run the import again.",
}
"""What to do about a failed import, by its error's code."""


def import_name(view: ImportView) -> str:
    """What the file is called, or what was sent instead of one."""
    if view.filename:
        return view.filename
    return "rows sent as JSON" if view.content_type == NDJSON else "a file without a name"


def agent(user_agent: str) -> str:
    """The program behind a User-Agent: the name of a browser, else the first word."""
    found = [name for sign, name in _BROWSERS if f"{sign}/" in user_agent]
    return found[0] if found else user_agent.split(maxsplit=1)[0].partition("/")[0]


def delimiter_name(delimiter: str) -> str:
    return _DELIMITERS[delimiter]


def duration(seconds: float) -> str:
    """The two largest units."""
    whole = round(seconds)
    if whole < 1:
        return "less than 1 s"
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def standing(view: ImportView, ahead: int, workers: int) -> str:
    """Where the import stands, in a sentence. `ahead` is how many jobs come before it."""
    return _STANDING[view.status](view, ahead, workers)


def _queued(view: ImportView, ahead: int, workers: int) -> str:
    if not workers:
        return (
            "Waiting for a worker, and none is running. The file is kept, and imported once "
            "one is started."
        )
    if view.reason:
        return f"Waiting to be tried again: {view.reason}. The file is kept."
    if ahead:
        return f"Waiting in line: {ahead} ahead of it."
    return "Next in line."


def _running(view: ImportView, _ahead: int, _workers: int) -> str:
    if view.stalled:
        since = day_and_time(view.heartbeat_at or view.received_at)
        return (
            f"No heartbeat since {since} UTC. If its worker has died, another one begins "
            "again; no row is lost."
        )
    if view.phase == "writing":
        return "Writing the rows into the archive."
    return "Reading and checking the file."


def _succeeded(view: ImportView, _ahead: int, _workers: int) -> str:
    if view.dry_run:
        return f"{_rows(view.record_count)} can be imported. Nothing was written."
    if view.rolled_back_at:
        return f"Its {_rows(view.record_count)} don't count, and can be brought back."
    return f"{_rows(view.record_count)} imported."


def _failed(view: ImportView, _ahead: int, _workers: int) -> str:
    if view.dry_run:
        return "The check found what would make an import fail."
    return "Nothing was imported."


def _cancelled(_view: ImportView, _ahead: int, _workers: int) -> str:
    return "Nothing was imported."


def _rows(count: int) -> str:
    return f"{number(count)} {'row' if count == 1 else 'rows'}"


_STANDING: Mapping[ImportStatus, Callable[[ImportView, int, int], str]] = {
    ImportStatus.QUEUED: _queued,
    ImportStatus.RUNNING: _running,
    ImportStatus.SUCCEEDED: _succeeded,
    ImportStatus.FAILED: _failed,
    ImportStatus.CANCELLED: _cancelled,
}

FILTERS = {
    "import_name": import_name,
    "agent": agent,
    "duration": duration,
    "delimiter_name": delimiter_name,
}
