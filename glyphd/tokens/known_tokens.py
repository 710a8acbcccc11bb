"""What this process knows of tokens: read from registry and file at most twice a second, so that
no request pays for it.

A change by another API process of this service holds at once, one by any other process within
RENEWAL_SECONDS. What is not known here is looked for
again before it is refused, so that a new token or session holds at once.
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
    `changes`: how many changes by this service's processes it has."""

    is_locked: bool = False
    grants: tuple[Grant, ...] = ()
    sessions: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    read_at: float = -inf
    changes: int = 0

    def find(self, token: str) -> Grant | None:
        """The token's grant, be it valid or not. Raises MistypedToken."""
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

    `connected` is a block with a connection to the registry: a request that looks here opens none
    besides the one that it needs anyway.
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
        """The first look. Raises InvalidSettings when the file can't be used; where there is one,
        every request needs a token from now on, also when it is gone."""
        if self._file is not None:
            self._file.read()
            lock(self._registry)
        self.current()

    def latest(self) -> TokenSnapshot | None:
        """What is known, however old, without waiting for a database; None before the first
        look."""
        known = self._snapshot
        if known is not None and known.changes != self._changes:
            return replace(known, read_at=-inf)
        return known

    def current(self) -> TokenSnapshot:
        """What is known, read lately. While the registry can't be read, what was read last counts:
        nobody can revoke a token in it either.

        Raises the database's error where nothing was ever read.
        """
        return self._read_since(time.monotonic() - RENEWAL_SECONDS)

    def renewed(self) -> TokenSnapshot:
        """What is known now, for what is not known yet. Threads that ask while another one reads
        share the next look."""
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
        """After a change by this process: the next request to any of its siblings looks again."""
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
    the last good one counts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._grants: tuple[Grant, ...] = ()
        self._version: object = None

    def read(self) -> None:
        """Raises InvalidSettings when the file can't be used."""
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
