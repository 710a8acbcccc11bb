"""Texts about imports on pages: names, progress, senders and durations."""

import re
from collections.abc import Callable, Mapping

from glyphd.contracts.import_contracts import ImportStatus, ImportView
from glyphd.errors import GlyphdError
from glyphd.importing.job_options import NDJSON
from glyphd.web.wording import counted, day_and_time

_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
"""Names within a browser's User-Agent. Each of them also contains the later ones in this list."""

_FORM_WORDS = (
    (r"; if another column is [^;]+, send map=.+", ""),
    (r"\bsend skip_lines=(\d+)", r"enter \1 at “Lines before the header”"),
    (r"\bsend delimiter=\S+", "choose it at “Cells are separated by”"),
    (r"\bsend encoding=(\S+)", r"enter \1 at “Encoding”"),
    (r"\bname the encoding", "enter its encoding"),
    (r"\bsend (?:it|the file) with decimal=comma", "upload it with numbers written as 1.299,50"),
    (r"\bor send map=.+", "or choose its column when you check the file"),
)
"""What a message for programs says to send, and where that is in the upload form."""

_DELIMITERS = {",": "commas", ";": "semicolons", "tab": "tabs", "|": "vertical bars"}

ADVICE = {
    "invalid_rows": "Nothing was imported. Download the file to fix: it is your own, with the "
    "errors in front of each row. Correct it and upload it again.",
    "unreadable_file": "From the line named above, the rows can't be separated. Correct the file "
    "and upload it again.",
    "too_large_for_disk": "Free some disk space and run it again, or split the file.",
    "archive_damaged": "Repair the archive as the documentation says, then run this import again: "
    "the file is kept.",
    "worker_lost": "The service's log has the details. The file is kept: run the import again.",
    "internal_error": "The service's log has the details. The file is kept: run the import again.",
}
"""What to do about a failed import, by its error's code."""


def import_name(view: ImportView) -> str:
    """The name of the file, or what was sent instead of a file."""
    if view.filename:
        return view.filename
    return "rows sent as JSON" if view.content_type == NDJSON else "a file without a name"


def in_form_words(message: str) -> str:
    """A message with the names of the upload form's fields instead of those of parameters."""
    for said, words in _FORM_WORDS:
        message = re.sub(said, words, message)
    return message


def agent(user_agent: str) -> str:
    """The program in a User-Agent: the name of a browser, or else the first word."""
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
    """The progress of the import, as a sentence. `ahead` is how many jobs precede it."""
    return _STANDING[view.status](view, ahead, workers)


def _queued(view: ImportView, ahead: int, workers: int) -> str:
    if not workers:
        return "No worker is running. The file is kept, and is imported when one is started."
    if view.reason:
        return f"Waiting for another attempt: {view.reason}. The file is kept."
    if ahead:
        return f"In the queue, {ahead} ahead of it."
    return "Next in the queue."


def _running(view: ImportView, _ahead: int, _workers: int) -> str:
    if view.stalled:
        since = day_and_time(view.heartbeat_at or view.received_at)
        return (
            f"No heartbeat since {since} UTC. If its worker has died, another one starts the "
            "import again; no row is lost."
        )
    if view.phase == "writing":
        return "Writing the rows into the archive."
    return "Reading and checking the file."


def _succeeded(view: ImportView, _ahead: int, _workers: int) -> str:
    if view.dry_run:
        return f"{counted(view.record_count, 'row')} can be imported. Nothing was written."
    if view.rolled_back_at:
        return f"Its {counted(view.record_count, 'row')} can be restored."
    return f"{counted(view.record_count, 'row')} imported."


def _failed(view: ImportView, _ahead: int, _workers: int) -> str:
    if view.dry_run:
        return "The check found errors that would make an import fail."
    return "Nothing was imported."


def _cancelled(_view: ImportView, _ahead: int, _workers: int) -> str:
    return "Nothing was imported."


_STANDING: Mapping[ImportStatus, Callable[[ImportView, int, int], str]] = {
    ImportStatus.QUEUED: _queued,
    ImportStatus.RUNNING: _running,
    ImportStatus.SUCCEEDED: _succeeded,
    ImportStatus.FAILED: _failed,
    ImportStatus.CANCELLED: _cancelled,
}


def is_choosable(failure: GlyphdError) -> bool:
    """Whether a refused file lacks required columns that its other columns may be."""
    return bool(failure.members.get("missing")) and failure.members.get("suggested") == {}


FILTERS = {
    "import_name": import_name,
    "in_form_words": in_form_words,
    "agent": agent,
    "duration": duration,
    "delimiter_name": delimiter_name,
}
