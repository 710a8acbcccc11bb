"""Fingerprints of values, which are the same on every machine."""

import json
from hashlib import sha256
from typing import Any

_CHARACTERS = 32
_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode


def fingerprint(value: Any) -> str:
    """128 bits of SHA-256 over a JSON value, in hex; the order of an object's members does not
    count."""
    return sha256(_encode(value).encode()).hexdigest()[:_CHARACTERS]
