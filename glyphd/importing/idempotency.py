"""Idempotency keys: the same request twice is one import, however often it is sent and whenever."""

from dataclasses import dataclass
from typing import Any

from glyphd.contracts.fingerprints import fingerprint
from glyphd.contracts.imports import ImportOptions
from glyphd.db.registry_models import Job
from glyphd.errors import IdempotencyConflict


@dataclass(frozen=True)
class Replayable:
    """A request's key, and a short name for all that makes it this request: bytes, their form and the options."""

    key: str
    fingerprint: str

    def require_same(self, earlier: Job) -> None:
        """Raises IdempotencyConflict when the key was used for something else."""
        if earlier.idempotency_fingerprint != self.fingerprint:
            raise IdempotencyConflict(
                "this Idempotency-Key was sent with other bytes or options before", import_id=earlier.import_id
            )


def replayable(key: str | None, options: ImportOptions, **content: Any) -> Replayable | None:
    """What a retry of this request is recognised by; None without a key. `content` is JSON values."""
    if key is None:
        return None
    asked = options.model_dump(mode="json", include=set(ImportOptions.model_fields))
    return Replayable(key, fingerprint([asked, content]))
