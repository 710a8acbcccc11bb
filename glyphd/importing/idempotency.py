"""Idempotency keys: a repeated request is one import, no matter how often and when it is sent."""

import json
from dataclasses import dataclass
from typing import Any

from glyphd.contracts.import_options import ImportOptions
from glyphd.db.registry_models import Job
from glyphd.errors import IdempotencyConflict

CONTENT = "content"
"""The name of a difference that is not in an option: other bytes, another form of the same bytes,
or another upload."""

_SAME_AS_NONE = {"decimal": "point", "skip_lines": 0}
"""Values that mean the same as no value, in options without another default."""


@dataclass(frozen=True)
class Replayable:
    """A request's key, and as JSON everything that identifies the request: its options that are not
    the default, or for a retry those that were given, and CONTENT.

    Others are omitted, so that options added by later versions do not change earlier requests.
    """

    key: str
    fingerprint: str

    def require_same(self, earlier: Job) -> None:
        """Raises IdempotencyConflict, naming what differs, if the key was used for something
        else."""
        if earlier.idempotency_fingerprint == self.fingerprint:
            return
        differs = _differences(json.loads(self.fingerprint), _kept_request(earlier))
        detail = "this Idempotency-Key was already used for a different request"
        detail += f", which differs in {', '.join(differs)}" if differs else ""
        raise IdempotencyConflict(detail, import_id=earlier.import_id, differs=differs)


def replayable(key: str, options: ImportOptions, **content: Any) -> Replayable:
    """The fingerprint by which a repetition of this request is recognised. `content` is JSON
    values."""
    given = options.model_dump(
        mode="json", include=set(ImportOptions.model_fields), exclude_defaults=True
    )
    asked = {name: value for name, value in given.items() if value != _SAME_AS_NONE.get(name)}
    return _replayable(key, asked, content)


def replayable_retry(key: str, options: ImportOptions, import_id: str) -> Replayable:
    """The same for running an import again, where an option that is given changes something even
    if it is the default."""
    names = set(ImportOptions.model_fields)
    changes = options.model_dump(mode="json", include=names, exclude_unset=True)
    return _replayable(key, changes, {"retries": import_id})


def _replayable(key: str, asked: dict[str, Any], content: dict[str, Any]) -> Replayable:
    said = asked | {CONTENT: content}
    return Replayable(key, json.dumps(said, sort_keys=True, ensure_ascii=False))


def _kept_request(job: Job) -> dict[str, Any] | None:
    """None for a request of which only a digest was stored, as the first builds of this version
    did."""
    try:
        found: Any = json.loads(str(job.idempotency_fingerprint))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _differences(asked: dict[str, Any], earlier: dict[str, Any] | None) -> list[str]:
    if earlier is None:
        return []
    return [
        name
        for name in (*ImportOptions.model_fields, CONTENT)
        if asked.get(name) != earlier.get(name)
    ]
