"""Intake: an upload becomes durable, is recorded in the registry, and a worker is notified."""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO
from uuid import uuid4

from glyphd.contracts.columns import ROW_SCHEMA_VERSION
from glyphd.contracts.import_contracts import ImportStatus
from glyphd.contracts.import_options import ImportOptions
from glyphd.db.registry_models import Job
from glyphd.db.troubles import Trouble, trouble_of
from glyphd.errors import FileRefused, GlyphdError, ImportNotRetryable
from glyphd.importing.door import FirstBlock, unpack
from glyphd.importing.idempotency import Replayable, replayable, replayable_retry
from glyphd.importing.job_options import (
    NDJSON,
    options_of,
    options_to_keep,
    require_consistent,
)
from glyphd.importing.registry import KeyTaken, Registry
from glyphd.importing.requests import Asked
from glyphd.jobs import JobQueue
from glyphd.times import now_text
from glyphd.uploads import HEAD_BYTES, Receiving, UploadStore

GZIP = "gzip"

MAX_NAME_CHARACTERS = 255

_UPLOAD_COLUMNS = (
    "upload_name",
    "filename",
    "content_type",
    "content_encoding",
    "size_bytes",
    "sha256",
    "received_at",
)
"""The columns that a retry copies, because the upload and its time are the same."""


@dataclass(frozen=True)
class Described:
    """What the client says about the bytes; never used as a path."""

    filename: str | None
    content_type: str
    content_encoding: str | None = None


@dataclass(frozen=True)
class Accepted:
    """An import that was accepted, now or, if `is_replayed`, by an earlier request with the same
    key."""

    job: Job
    is_replayed: bool = False


class Intake:
    """Accepts complete uploads. When `accept` returns, no crash can lose the upload."""

    def __init__(
        self,
        uploads: UploadStore,
        registry: Registry,
        queue: JobQueue,
        *,
        max_columns: int,
    ) -> None:
        self._uploads = uploads
        self._max_columns = max_columns
        self._registry = registry
        self._queue = queue

    def look(
        self, receiving: Receiving, described: Described, asked: Asked, *, is_complete: bool
    ) -> None:
        """Calls the door while most of the upload has not arrived yet; an accepted upload is
        digested from now on.

        Raises FileRefused and InvalidParameter. `is_complete`: no option can follow. A later option
        could correct anything except another format; then `accept` calls the door again.
        """
        if asked.key is not None and self._is_key_known(asked.key):
            return
        if is_complete:
            require_consistent(asked.options)
        block = first_block(receiving.head, receiving.size, described.content_encoding)
        try:
            options_to_keep(block, described.content_type, asked.options, self._max_columns)
        except FileRefused:
            if is_complete:
                raise
            unpack(block)
            return
        receiving.start_digest()

    def accept(self, receiving: Receiving, described: Described, asked: Asked) -> Accepted:
        """The import's row in the registry. Raises FileRefused if the door refuses; then nothing is
        stored.

        Raises InvalidParameter for options that exclude each other, and IdempotencyConflict if the
        key belongs to another request. The door is called before the digest and the sync, which
        take time; but a known key may belong to an upload that the door would no longer accept.
        """
        require_consistent(asked.options)
        is_empty_list = described.content_type == NDJSON and asked.options.complete
        if receiving.size == 0 and not is_empty_list:
            raise FileRefused("the file is empty", found="nothing")

        # 1. The door.
        key, reading = asked.key, {}
        if key is None or not self._is_key_known(key):
            block = first_block(receiving.head, receiving.size, described.content_encoding)
            reading = options_to_keep(
                block, described.content_type, asked.options, self._max_columns
            )

        # 2. The digest, which shows together with the options whether the request was sent before.
        ending = "ndjson" if described.content_type == NDJSON else "csv"
        ending += ".gz" if described.content_encoding == GZIP else ""
        sha256, request = receiving.sha256, None
        if key is not None:
            request = replayable(key, asked.options, sha256=sha256, ending=ending)
            earlier = self._earlier(request)
            if earlier is not None:
                return earlier

        # 3. The file is stored under a unique name, then the import is recorded.
        import_id = str(uuid4())
        name = f"{import_id}.{ending}"
        filename = (described.filename or "").replace("\0", "")[:MAX_NAME_CHARACTERS]
        values = {
            "upload_name": name,
            "filename": filename or None,
            "content_type": described.content_type,
            "content_encoding": described.content_encoding,
            "size_bytes": receiving.size,
            "sha256": sha256,
            "received_at": now_text(),
            **asdict(asked.caller),
            **reading,
        }
        receiving.keep(name)
        return self._record(import_id, values, request, own_upload=name)

    def retry(self, job: Job, asked: Asked) -> Accepted:
        """Runs an import again from its kept file, as a new import: a failed or cancelled one,
        which the new one replaces, or a dry run that succeeded, which becomes a real import unless
        `dry_run` is given.

        Options that are not given keep their values. Raises ImportNotRetryable and what `accept`
        raises.
        """
        is_checked = job.status == ImportStatus.SUCCEEDED and job.dry_run
        if not is_checked and job.status not in (ImportStatus.FAILED, ImportStatus.CANCELLED):
            detail = (
                f"import {job.import_id} has the status {job.status}: only a failed or cancelled "
                "one, or a dry run, can be retried"
            )
            raise ImportNotRetryable(detail, import_id=job.import_id)
        request = None
        if asked.key is not None:
            request = replayable_retry(asked.key, asked.options, job.import_id)
            earlier = self._earlier(request)
            if earlier is not None:
                return earlier
        kept = {name: getattr(job, name) for name in _UPLOAD_COLUMNS}
        before = options_of(job) | ({"dry_run": False} if is_checked else {})
        given = asked.options.model_dump(include=asked.options.model_fields_set)
        options = ImportOptions(**(before | given))
        require_consistent(options)
        with self._uploads.open(str(job.upload_name)) as file:
            block = kept_block(file, job)
        values = kept | asdict(asked.caller) | {"replaces": None if is_checked else job.import_id}
        values |= options_to_keep(block, str(job.content_type), options, self._max_columns)
        return self._record(str(uuid4()), values, request)

    def _is_key_known(self, key: str) -> bool:
        """The earlier import with this key. Keys are never forgotten: a known key is answered from
        the registry alone."""
        return self._registry.find_key(key) is not None

    def _earlier(self, request: Replayable) -> Accepted | None:
        job = self._registry.find_key(request.key)
        if job is None:
            return None
        request.require_same(job)
        return Accepted(job, is_replayed=True)

    def _record(
        self,
        import_id: str,
        values: dict[str, Any],
        request: Replayable | None,
        own_upload: str | None = None,
    ) -> Accepted:
        """Records the import. Of two simultaneous requests with one key, one writes and the other
        one replays."""
        row = values | {
            "kind": "import",
            "import_id": import_id,
            "status": ImportStatus.QUEUED,
            "schema_version": ROW_SCHEMA_VERSION,
            "idempotency_key": request.key if request else None,
            "idempotency_fingerprint": request.fingerprint if request else None,
        }
        manifest = f"{import_id}.json"
        files = [name for name in (manifest, own_upload) if name is not None]
        try:
            self._uploads.put(manifest, manifest_bytes(row))
        except Exception:
            # The manifest too, and first: it may have been written even if the response to that was
            # lost.
            with suppress(Exception):
                self._forget(files)
            raise
        try:
            same_content_as = self._registry.latest_with_bytes(values["sha256"])
            job = self._registry.add(
                row | {"same_content_as": same_content_as, "nudged_at": now_text()}
            )
        except KeyTaken:
            self._forget(files)
            earlier = self._earlier(request) if request else None
            assert earlier is not None
            return earlier
        except Exception as error:
            if self._is_surely_unrecorded(import_id, error):
                self._forget(files)
            raise
        self._queue.notify(job)
        return Accepted(job)

    def _is_surely_unrecorded(self, import_id: str, error: Exception) -> bool:
        """Whether the row was certainly not written. If the response to the commit was lost, it may
        have succeeded or may still succeed: then the files stay, and a worker finds them."""
        if not isinstance(error, GlyphdError) and trouble_of(error) not in (
            Trouble.BUSY,
            Trouble.FULL,
        ):
            return False
        with suppress(Exception):
            return self._registry.find_import(import_id) is None
        return False

    def _forget(self, files: list[str]) -> None:
        for name in files:
            self._uploads.delete(name)


def first_block(head: bytes, size: int | None, content_encoding: str | None) -> FirstBlock:
    """What the door checks: the head of a file of this size and content encoding."""
    return FirstBlock(head, is_all=size == len(head), packed=content_encoding == GZIP)


def kept_block(file: BinaryIO, job: Job) -> FirstBlock:
    """The first block of an import's kept file."""
    return first_block(file.read(HEAD_BYTES), job.size_bytes, job.content_encoding)


def manifest_bytes(values: dict[str, Any]) -> bytes:
    return (json.dumps(values, ensure_ascii=False, indent=1) + "\n").encode()
