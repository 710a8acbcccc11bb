"""Intake: an upload becomes durable, is written down in the registry, and a worker is nudged."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import structlog

from glyphd.contracts.imports import ImportOptions, ImportStatus
from glyphd.contracts.listings import ROW_SCHEMA_VERSION
from glyphd.db.registry_models import Job
from glyphd.errors import FileRefused
from glyphd.importing.door import FirstBlock, check_door
from glyphd.importing.registry import Registry
from glyphd.jobs import JobQueue
from glyphd.times import now_text
from glyphd.uploads import Receiving, UploadStore

GZIP = "gzip"
NDJSON = "application/x-ndjson"
MAX_NAME_CHARACTERS = 255

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Described:
    """What the client said of the bytes: data, never a path."""

    filename: str | None
    content_type: str
    content_encoding: str | None = None

    @property
    def ending(self) -> str:
        kind = "ndjson" if self.content_type == NDJSON else "csv"
        return f"{kind}.gz" if self.content_encoding == GZIP else kind


class Intake:
    """Takes finished uploads in. When `accept` returns, a crash loses nothing of them."""

    def __init__(self, uploads: UploadStore, registry: Registry, queue: Callable[[], JobQueue]) -> None:
        self._uploads = uploads
        self._registry = registry
        self._queue = queue

    def accept(self, receiving: Receiving, described: Described, options: ImportOptions) -> Job:
        """The import's row in the registry. Raises FileRefused when the door refuses; then nothing is kept."""
        if receiving.size == 0:
            raise FileRefused("the file is empty", found="nothing")
        import_id = str(uuid4())
        values = {
            "kind": "import",
            "import_id": import_id,
            "status": ImportStatus.QUEUED,
            "upload_name": f"{import_id}.{described.ending}",
            "filename": _short(described.filename),
            "content_type": described.content_type,
            "content_encoding": described.content_encoding,
            "size_bytes": receiving.size,
            "sha256": receiving.sha256,
            "received_at": now_text(),
            "schema_version": ROW_SCHEMA_VERSION,
            **self._reading(receiving, described, options),
        }
        receiving.keep(values["upload_name"])
        self._uploads.put(f"{import_id}.json", _manifest(values))
        same_content_as = self._registry.latest_with_bytes(receiving.sha256)
        job = self._registry.add(values | {"same_content_as": same_content_as, "nudged_at": values["received_at"]})
        self._nudge(job)
        return job

    def _reading(self, receiving: Receiving, described: Described, options: ImportOptions) -> dict[str, Any]:
        """How the worker shall read the file, and the client's other options."""
        asked = options.model_dump(include={"source", "description", "on_error", "dry_run"})
        if described.content_type == NDJSON:
            return asked | {"encoding": "utf-8", "delimiter": None}
        packed = described.content_encoding == GZIP
        block = FirstBlock(receiving.head, is_all=receiving.size == len(receiving.head), packed=packed)
        admitted = check_door(block, options)
        return asked | {"encoding": admitted.encoding, "delimiter": admitted.delimiter}

    def _nudge(self, job: Job) -> None:
        """The row is committed: whatever happens to the message, the worker's sweep finds the job."""
        try:
            self._queue().nudge(job.id)
        except Exception:
            log.warning("nudge_failed", import_id=job.import_id, exc_info=True)


def _short(name: str | None) -> str | None:
    if not name:
        return None
    return name.replace("\0", "")[:MAX_NAME_CHARACTERS]


def _manifest(values: dict[str, Any]) -> bytes:
    return (json.dumps(values, ensure_ascii=False, indent=1) + "\n").encode()
