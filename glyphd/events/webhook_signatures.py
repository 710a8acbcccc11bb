"""Signing a webhook's requests by Standard Webhooks 1.0 (https://www.standardwebhooks.com)."""

import hmac
from base64 import b64decode, b64encode
from hashlib import sha256
from secrets import token_bytes

SECRET_BYTES = 32
_PREFIX = "whsec_"


def new_secret() -> str:
    """A random key, in the form that receivers' libraries accept."""
    return _PREFIX + b64encode(token_bytes(SECRET_BYTES)).decode()


def signed_headers(secret: str, event_id: int, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of a request with this body. The id is the same in every attempt."""
    message_id = f"evt_{event_id}"
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.digest(b64decode(secret.removeprefix(_PREFIX)), signed, sha256)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{b64encode(digest).decode()}",
    }
