"""The tokens that this process knows: read from registry and file at most twice a second, so that
requests need not read them.

A change by another API process of this service takes effect immediately, one by any other process
within RENEWAL_SECONDS. An unknown token or session is looked up again before it is refused, so a
new one is valid immediately.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import inf
from pathlib import Path
from threading import Lock

import structlog
from peewee import Database

from glyphd.errors import InvalidSettings
from glyphd.siblings.family import OfService, Siblings, alone
from glyphd.times import now_text
from glyphd.token_text import lookup_of
from glyphd.tokens.grants import Grant, digest_of
from glyphd.tokens.sign_ins import open_sessions
from glyphd.tokens.token_store import all_tokens, grant_in, is_locked, lock
from glyphd.tokens.tokens_file import read_tokens_file

RENEWAL_SECONDS = 0.5

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class TokenSnapshot:
    """The tokens and sessions of one moment. `is_locked`: a token has existed, so one is needed.
    `changes`: how many changes by this service's processes it includes."""

    is_locked: bool = False
    grants: tuple[Grant, ...] = ()
    sessions: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    read_at: float = -inf
    changes: int = 0

    def find(self, token: str) -> Grant | None:
        """The token's grant, whether it is valid or not. Raises MistypedToken."""
        lookup, digest = lookup_of(token), digest_of(token)
        for candidates in (self._by_lookup.get(lookup, ()), self._by_lookup.get("", ())):
            for grant in candidates:
                if grant.is_of(digest):
                    return grant
        return None

    def find_session(self, cookie: str) -> Grant | None:
        """The grant of a session that has not ended."""
        token_digest, end = self.sessions.get(digest_of(cookie), ("", ""))
        if end <= now_text():
            return None
        grant = self._by_digest.get(token_digest)
        return grant if grant is not None and grant.is_valid else None

    @cached_property
    def _by_lookup(self) -> dict[str, list[Grant]]:
        found: dict[str, list[Grant]] = {}
        for grant in self.grants:
            found.setdefault(grant.lookup, []).append(grant)
        return found

    @cached_property
    def _by_digest(self) -> dict[str, Grant]:
        return {grant.digest: grant for grant in self.grants}

    @property
    def age(self) -> float:
        """Seconds since it was read."""
        return time.monotonic() - self.read_at


class KnownTokens:
    """The tokens of one registry and one file.

    `connected` is a block with a connection to the registry: a request that reads tokens opens only
    the connection that it needs anyway.
    """

    def __init__(
        self,
        registry: Database,
        file: Path | None,
        connected: Callable[[], AbstractContextManager[None]],
        siblings: Siblings | None = None,
    ) -> None:
        self._registry = registry
        self._connected = connected
        self._siblings = siblings or alone()
        self._file = TokensInFile(file) if file else None
        self._snapshot: TokenSnapshot | None = None
        self._reading = Lock()
        self._has_failed = False

    @property
    def registry(self) -> Database:
        return self._registry

    def start(self) -> None:
        """Reads tokens for the first time. Raises InvalidSettings if the file can't be used. If
        there is a file, every request needs a token from now on, even after the file is removed."""
        if self._file is not None:
            self._file.read()
            lock(self._registry)
        self.current()

    def latest(self) -> TokenSnapshot | None:
        """The last snapshot, however old, without waiting for a database; None before the first
        one."""
        known = self._snapshot
        if known is not None and known.changes != self._changes:
            return replace(known, read_at=-inf)
        return known

    def current(self) -> TokenSnapshot:
        """A recent snapshot. While the registry can't be read, the last one counts: no token can be
        revoked in it either.

        Raises the database's error if nothing was ever read.
        """
        return self._read_since(time.monotonic() - RENEWAL_SECONDS)

    def renewed(self) -> TokenSnapshot:
        """A new snapshot, for a token that is not known yet. Threads that ask while another one
        reads share the next snapshot."""
        return self._read_since(time.monotonic())

    def _read_since(self, moment: float) -> TokenSnapshot:
        known = self.latest()
        if known is not None and known.read_at >= moment:
            return known
        with self._reading:
            known = self.latest()
            if known is None or known.read_at < moment:
                known = self._read(known)
            return known

    def forget(self) -> None:
        """Call it after a change by this process: the next request to any of its siblings reads
        again."""
        with self._siblings.locked():
            self._siblings.service[OfService.TOKEN_CHANGES] += 1

    @property
    def _changes(self) -> int:
        return int(self._siblings.service[OfService.TOKEN_CHANGES])

    def _read(self, before: TokenSnapshot | None) -> TokenSnapshot:
        read_at, changes = time.monotonic(), self._changes
        in_file = self._file.grants() if self._file else ()
        try:
            with self._connected():
                rows = all_tokens(self._registry)
                found = TokenSnapshot(
                    is_locked=is_locked(self._registry) or self._file is not None,
                    grants=(*in_file, *map(grant_in, rows)),
                    sessions=open_sessions(self._registry),
                    read_at=read_at,
                    changes=changes,
                )
            self._has_failed = False
        except Exception:
            if before is None:
                raise
            if not self._has_failed:
                log.warning("tokens_unknown", exc_info=True)
            self._has_failed = True
            found = replace(before, read_at=read_at, changes=changes)
        self._snapshot = found
        return found


class TokensInFile:
    """The tokens file, read again when it has changed. A change that can't be used is logged, and
    the last valid contents count."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._grants: tuple[Grant, ...] = ()
        self._version: object = None

    def read(self) -> None:
        """Raises InvalidSettings if the file can't be used."""
        self._version = self._found_version()
        self._grants = read_tokens_file(self._path)

    def grants(self) -> tuple[Grant, ...]:
        if self._version != self._found_version():
            try:
                self.read()
            except InvalidSettings as error:
                log.error("tokens_file_unusable", reason=error.detail)
        return self._grants

    def _found_version(self) -> object:
        try:
            found = self._path.stat()
        except OSError:
            return "missing"
        return found.st_ino, found.st_size, found.st_mtime_ns
