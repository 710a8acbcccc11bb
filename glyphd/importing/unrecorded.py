"""Kept uploads that are not in the registry: their manifests have everything that is needed to
import them."""

import json
import re
from dataclasses import dataclass
from typing import Any

import structlog

from glyphd.contracts.import_contracts import ImportStatus
from glyphd.db.registry_models import Job
from glyphd.errors import SourceMissing
from glyphd.importing.job_queries import IMPORT
from glyphd.importing.kept_files import measure
from glyphd.importing.registry import KeyTaken, Registry
from glyphd.uploads import UploadStore

SETTLED_SECONDS = 60.0
"""A manifest is written before its row, so a younger one may belong to an upload that is being
accepted."""

ABANDONED_SECONDS = 3600.0
"""An upload gets its name before its manifest is written; one that has no manifest after this time
was never accepted."""

_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_MANIFEST = re.compile(rf"({_ID})\.json")
_UPLOAD = re.compile(rf"({_ID})\.(?:csv|ndjson)(?:\.gz)?")
_NEEDED = ("import_id", "upload_name", "received_at", "size_bytes", "sha256", "schema_version")

log = structlog.get_logger(__name__)


class NotTakenUp(Exception):
    """Why a kept upload can't become an import."""


class Superseded(NotTakenUp):
    """The same request was sent again and became another import."""


@dataclass(frozen=True)
class Unrecorded:
    """A manifest without a job. `values` is its contents, None if it can't be read."""

    import_id: str
    values: dict[str, Any] | None

    @property
    def order(self) -> tuple[str, bool, str]:
        """The sort key for the order of arrival; an import precedes its retries."""
        values = self.values or {}
        return (
            str(values.get("received_at", "")),
            values.get("replaces") is not None,
            self.import_id,
        )


def find_unrecorded(
    uploads: UploadStore, registry: Registry, *, older_than_seconds: float = 0
) -> list[Unrecorded]:
    """The manifests that are not in the registry, oldest first."""
    # The names are listed first, so that everything recorded after that is found in the registry.
    named = manifest_names(uploads)
    unknown = named.keys() - registry.import_ids()
    settled = [one for one in unknown if uploads.age(named[one]) >= older_than_seconds]
    return sorted(
        (Unrecorded(one, _read(uploads, one)) for one in settled), key=lambda found: found.order
    )


def manifest_names(uploads: UploadStore) -> dict[str, str]:
    """The names of the manifests, by the ids of their imports."""
    return _manifests_among(uploads.names())


def _manifests_among(names: list[str]) -> dict[str, str]:
    return {found[1]: name for name in sorted(names) if (found := _MANIFEST.fullmatch(name))}


def job_values(found: Unrecorded, uploads: UploadStore) -> dict[str, Any]:
    """The row of a job that imports it. Raises NotTakenUp unless the upload is unchanged."""
    if found.values is None:
        raise NotTakenUp("its manifest can't be read")
    values: dict[str, Any] = found.values | {"kind": IMPORT, "status": ImportStatus.QUEUED}
    job = Job(**values)
    try:
        if measure(uploads, job) != (job.size_bytes, job.sha256):
            raise NotTakenUp(f"its file {job.upload_name} has changed since it was received")
    except (SourceMissing, OSError, ValueError):
        raise NotTakenUp(f"its file {job.upload_name} is missing or can't be read") from None
    return values


def record(registry: Registry, values: dict[str, Any]) -> Job:
    """Records it as a job. Raises Superseded if its request was repeated, NotTakenUp if its key
    belongs to another import."""
    try:
        return registry.add(values)
    except KeyTaken:
        other = registry.find_key(values["idempotency_key"])
        named = f"import {other.import_id}" if other else "another import"
        if other and other.idempotency_fingerprint == values.get("idempotency_fingerprint"):
            raise Superseded(f"its request was sent again and became {named}") from None
        raise NotTakenUp(f"its idempotency key belongs to {named}") from None


def take_up_unrecorded(registry: Registry, uploads: UploadStore) -> int:
    """Recovers every upload whose row could not be written when it arrived; returns how many.

    Uploads whose request was sent again since, and those without a manifest, were never accepted,
    and are removed.
    """
    taken = sum(_take_up(registry, uploads, one) for one in _settled(registry, uploads))
    _remove_abandoned(registry, uploads)
    return taken


def _settled(registry: Registry, uploads: UploadStore) -> list[Unrecorded]:
    return find_unrecorded(uploads, registry, older_than_seconds=SETTLED_SECONDS)


def _take_up(registry: Registry, uploads: UploadStore, found: Unrecorded) -> bool:
    try:
        values = job_values(found, uploads)
        record(registry, values)
    except Superseded as reason:
        log.warning("upload_removed", import_id=found.import_id, reason=str(reason))
        for name in (f"{found.import_id}.json", values["upload_name"]):
            if name.startswith(found.import_id):  # a retry reads the upload of another import
                uploads.delete(name)
    except NotTakenUp as reason:
        log.warning("upload_not_recovered", import_id=found.import_id, reason=str(reason))
    else:
        log.warning("upload_recovered", import_id=found.import_id)
        return True
    return False


def _remove_abandoned(registry: Registry, uploads: UploadStore) -> None:
    names = uploads.names()
    kept = [(name, found[1]) for name in names if (found := _UPLOAD.fullmatch(name))]
    manifests = _manifests_among(names)
    strays = [(name, import_id) for name, import_id in kept if import_id not in manifests]
    if not strays:
        return
    known = registry.import_ids()
    for name, import_id in strays:
        if import_id not in known and uploads.age(name) > ABANDONED_SECONDS:
            log.warning(
                "upload_removed", import_id=import_id, reason="it was never completely received"
            )
            uploads.delete(name)


def _read(uploads: UploadStore, import_id: str) -> dict[str, Any] | None:
    """The values in a manifest that belong to an import."""
    try:
        with uploads.open(f"{import_id}.json") as file:
            said = json.load(file)
    except (OSError, ValueError):
        return None
    if (
        not isinstance(said, dict)
        or said.get("import_id") != import_id
        or any(name not in said for name in _NEEDED)
    ):
        return None
    return {
        name: value
        for name, value in said.items()
        if name in Job._meta.columns and _is_plain(value)
    }


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)
