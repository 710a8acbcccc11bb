"""What a token allows, and until when."""

import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum

from glyphd.times import now_text
from glyphd.token_text import lookup_of


class Scope(StrEnum):
    """What may be done; each scope includes those before it."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    def includes(self, other: "Scope") -> bool:
        return _RANKS[self] >= _RANKS[other]


_RANKS = {scope: rank for rank, scope in enumerate(Scope)}


@dataclass(frozen=True)
class Grant:
    """One token without its secret. With a `source` it may only import as that source.

    `lookup` is empty for a token that is known only by its hash.
    """

    name: str
    scope: Scope
    digest: str
    lookup: str = ""
    source: str | None = None
    expires_at: str | None = None
    revoked_at: str | None = None

    @property
    def has_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= now_text()

    @property
    def is_valid(self) -> bool:
        return self.revoked_at is None and not self.has_expired

    def is_of(self, digest: str) -> bool:
        """Whether it belongs to the token with this digest, in a time that does not depend on
        it."""
        return hmac.compare_digest(self.digest, digest)


def digest_of(secret: str) -> str:
    """What is stored in place of a token or a cookie. Both are random: a plain hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def grant_of(token: str, name: str, scope: Scope) -> Grant:
    """The grant for a complete token. Raises MistypedToken."""
    return Grant(name, scope, digest_of(token), lookup_of(token))
