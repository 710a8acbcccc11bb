"""The `glyphd token` commands: creating, listing and revoking tokens."""

import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click
from peewee import Database

from glyphd.db.connections import close_all, open_registry, open_registry_to_look
from glyphd.db.migration_sets import require_current_schema, require_there
from glyphd.db.migrations import initialise
from glyphd.db.token_models import AccessToken
from glyphd.errors import InvalidSettings
from glyphd.settings import Settings
from glyphd.token_text import new_token, without_tokens
from glyphd.tokens.grants import Grant, digest_of
from glyphd.tokens.known_tokens import RENEWAL_SECONDS
from glyphd.tokens.terms import Terms, read_terms
from glyphd.tokens.token_store import all_tokens, create_token, grant_in, revoke_token

_NOTICED_SECONDS = 2 * RENEWAL_SECONDS
_HEADINGS = ("NAME", "TOKEN", "SCOPE", "SOURCE", "CREATED", "EXPIRES", "STATE")
_MINUTE = len("2026-11-21T09:36")


def create(
    settings: Settings,
    name: str,
    scope: str,
    *,
    source: str | None,
    expires: str | None,
    for_file: bool,
) -> None:
    """Creates a token and prints it; `for_file` stores nothing, and prints the line for a tokens
    file.

    Raises InvalidSettings for terms that no token can have.
    """
    try:
        terms = read_terms(name, scope, source=source, expires=expires)
    except ValueError as error:
        raise InvalidSettings(without_tokens(str(error))) from None
    if for_file:
        _show_line(terms)
        return
    initialise(settings)
    with _opened(open_registry(settings)) as registry:
        token = create_token(registry, terms)
    click.echo(token)
    click.echo(_about(terms), err=True)
    time.sleep(_NOTICED_SECONDS)  # when the command returns, every process knows the token


def list_all(settings: Settings) -> None:
    """Prints a table of all tokens."""
    require_there(settings)
    require_current_schema(settings)
    with _opened(open_registry_to_look(settings)) as registry, registry.connection_context():
        rows = [_HEADINGS, *map(_row, all_tokens(registry))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def revoke(settings: Settings, name: str) -> None:
    """Revokes the token with this name or first part. Raises InvalidSettings if there is none."""
    require_there(settings)
    require_current_schema(settings)
    with _opened(open_registry(settings)) as registry:
        if not revoke_token(registry, name.rstrip("_…")):
            raise InvalidSettings(f"there is no token {without_tokens(name)} to revoke")
    click.echo(f"revoked: {without_tokens(name)}")
    time.sleep(_NOTICED_SECONDS)  # when the command returns, no process accepts it


def _show_line(terms: Terms) -> None:
    token = new_token()
    options = (("source", terms.source), ("expires", terms.expires_at))
    given = [f"{name}={value}" for name, value in options if value]
    line = shlex.join([terms.name, terms.scope, f"sha256:{digest_of(token)}", *given])
    click.echo(token)
    click.echo(f"the line for the file: {line}", err=True)


def _about(terms: Terms) -> str:
    bound = f", only as the source {terms.source}" if terms.source else ""
    end = f"until {terms.expires_at}" if terms.expires_at else "until it is revoked"
    return f"{terms.name}: {terms.scope}{bound}, {end}. It is not shown again."


def _row(token: AccessToken) -> tuple[str, ...]:
    grant = grant_in(token)
    return (
        grant.name,
        f"{grant.lookup}_…",
        grant.scope,
        grant.source or "",
        str(token.created_at)[:_MINUTE],
        (grant.expires_at or "")[:_MINUTE],
        _state(grant),
    )


def _state(grant: Grant) -> str:
    if grant.revoked_at is not None:
        return f"revoked {grant.revoked_at[:_MINUTE]}"
    return "expired" if grant.has_expired else "valid"


@contextmanager
def _opened(registry: Database) -> Iterator[Database]:
    try:
        yield registry
    finally:
        close_all(registry)
