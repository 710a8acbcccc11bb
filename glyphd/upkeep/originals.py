"""Checks the kept files of an import: the upload, the manifest and the row errors."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from glyphd.contracts.import_contracts import UNFINISHED
from glyphd.db.fields import JsonTextField
from glyphd.db.registry_models import Job
from glyphd.errors import SourceMissing
from glyphd.importing.kept_files import measure
from glyphd.uploads import UploadStore

_ALWAYS_IN_MANIFESTS = frozenset(
    {"import_id", "upload_name", "received_at", "size_bytes", "sha256"}
)
_SOMETIMES_IN_MANIFESTS = (
    "replaces",
    "column_map",
    "skip_lines",
    "decimal",
    "client",
    "user_agent",
    "created_by",
    "traceparent",
)
"""Optional members of a manifest. If one is missing, the import has no such value."""

_CHANGING = frozenset({"status"})
"""Members of a manifest that may have changed in the registry since the upload."""


def files_of(job: Job) -> list[str]:
    """The names that an import has in the upload store: upload, manifest and row errors."""
    return [name for name in (job.upload_name, manifest_name(job), job.errors_name) if name]


def is_plain(name: str) -> bool:
    """Whether the name can be one in the upload store, because a damaged registry can contain
    anything."""
    return Path(name).name == name and "\0" not in name


def manifest_name(job: Job) -> str:
    return f"{job.import_id}.json"


def check_originals(uploads: UploadStore, job: Job) -> Iterator[str]:
    """A line for each problem with the kept files of an import, compared with the registry."""
    yield from check_upload(uploads, job)
    yield from check_notes(uploads, job)


def has_upload(uploads: UploadStore, job: Job) -> bool:
    """Whether there is a readable kept file."""
    if job.upload_name is None or not is_plain(job.upload_name):
        return False
    try:
        uploads.open(job.upload_name).close()
    except OSError:
        return False
    return True


def check_upload(uploads: UploadStore, job: Job) -> Iterator[str]:
    """Compares the upload's size and SHA-256."""
    if job.upload_name is None or not is_plain(job.upload_name):
        yield "the registry names no kept file"
        return
    try:
        size, digest = measure(uploads, job)
    except SourceMissing:
        yield f"the kept file {job.upload_name} is missing"
        return
    except OSError as error:
        yield f"the kept file {job.upload_name} can't be read: {error.strerror}"
        return
    if size != job.size_bytes:
        yield f"the kept file has {size} bytes, the registry says {job.size_bytes}"
    if digest != job.sha256:
        yield f"the kept file has the SHA-256 {digest}, the registry says {job.sha256}"


def check_notes(uploads: UploadStore, job: Job) -> Iterator[str]:
    """Checks the files beside the upload. They have no digest, so they are compared with the
    registry."""
    manifest = _read(uploads, manifest_name(job))
    yield from (f"the manifest {line}" for line in _manifest_faults(manifest, job))
    if job.reason is not None and job.status not in UNFINISHED:
        yield f"the registry has the reason {job.reason!r} of a rollback for it"
    if job.errors_name is not None:
        errors = _read(uploads, job.errors_name)
        yield from (f"the error file {line}" for line in _error_file_faults(errors, job))


def _read(uploads: UploadStore, name: str) -> bytes | str:
    """The bytes of a kept file, or why it can't be read."""
    if not is_plain(name):
        return f"{name!r} is not a file name"
    try:
        with uploads.open(name) as file:
            return file.read()
    except FileNotFoundError:
        return f"{name} is missing"
    except OSError as error:
        return f"{name} can't be read: {error.strerror}"


def _manifest_faults(content: bytes | str, job: Job) -> Iterator[str]:
    if isinstance(content, str):
        yield content
        return
    said = _json_of(content)
    if not isinstance(said, dict):
        yield f"{manifest_name(job)} is not a JSON object"
        return
    for name in sorted(_ALWAYS_IN_MANIFESTS - said.keys()):
        yield f"lacks {name}"
    for name in _SOMETIMES_IN_MANIFESTS:
        if name not in said and getattr(job, name) is not None:
            yield f"has no {name}, the registry says {getattr(job, name)!r}"
    for name, value in said.items():
        if name not in Job._meta.columns:
            yield f"has {name!r}, which is not a member of a manifest"
        elif name not in _CHANGING and not _is_same(name, value, getattr(job, name)):
            yield f"says {name} {value!r}, the registry says {getattr(job, name)!r}"


def _is_same(name: str, said: Any, known: Any) -> bool:
    """JSON may be stored as a value or as its text."""
    if said == known:
        return type(said) is type(known)
    is_json = isinstance(Job._meta.columns[name], JsonTextField) and isinstance(known, str)
    return is_json and said == _json_of(known.encode())


def _error_file_faults(content: bytes | str, job: Job) -> Iterator[str]:
    if isinstance(content, str):
        yield content
        return
    lines = content.splitlines()
    if len(lines) != job.errors_kept:
        yield f"has {len(lines)} lines, the registry says {job.errors_kept}"
    errors = [_json_of(line) for line in lines]
    for number, error in enumerate(errors, start=1):
        if not isinstance(error, dict):
            yield f"is not a JSON object in line {number}"
            return
    first = _json_of(job.errors.encode())
    if not isinstance(first, list) or errors[: len(first)] != first:
        yield "does not begin with the errors in the registry"


def _json_of(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None
