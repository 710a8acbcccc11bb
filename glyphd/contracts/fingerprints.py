"""Fingerprints of values, which are the same on every machine."""

import json
from hashlib import sha256
from typing import Any

_CHARACTERS = 32


def fingerprint(value: Any) -> str:
    """128 bits of SHA-256 over a JSON value, in hex; the order of an object's members does not
    count."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return sha256(text.encode()).hexdigest()[:_CHARACTERS]
