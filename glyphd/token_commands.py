"""`glyphd token`: who may use the service."""

import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from peewee import Database

from glyphd.command_settings import settings_options
from glyphd.db.connections import close_all, open_registry, open_registry_to_look
from glyphd.db.migration_sets import require_current_schema, require_there
from glyphd.db.migrations import initialise
from glyphd.db.token_models import AccessToken
from glyphd.errors import InvalidSettings
from glyphd.settings import load_settings
from glyphd.token_text import new_token, without_tokens
from glyphd.tokens.grants import Grant, Scope, digest_of
from glyphd.tokens.known_tokens import RENEWAL_SECONDS
from glyphd.tokens.terms import Terms, read_terms
from glyphd.tokens.token_store import all_tokens, create_token, grant_in, revoke_token

_NOTICED_SECONDS = 2 * RENEWAL_SECONDS
_HEADINGS = ("NAME", "TOKEN", "SCOPE", "SOURCE", "CREATED", "EXPIRES", "STATE")
_MINUTE = len("2026-11-21T09:36")


@click.group("token")
def token_group() -> None:
    """Create, list and revoke tokens. The first one closes the service to everybody without one."""


@token_group.command("create")
@click.argument("name")
@click.option(
    "--scope",
    type=click.Choice([scope.value for scope in Scope]),
    required=True,
    help="What it allows.",
)
@click.option("--source", help="Only import as this source; needs --scope write.")
@click.option("--expires", help="When it ends: 90d, 12h, 4w, a date or a time; else never.")
@click.option(
    "--for-file", is_flag=True, help="Store nothing; print the line for GLYPHD_TOKENS_FILE."
)
@settings_options
def create_command(
    name: str, scope: str, source: str | None, expires: str | None, for_file: bool, **flags: Any
) -> None:
    """Create a token called NAME. It is shown once."""
    settings = load_settings(**flags)
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


@token_group.command("list")
@settings_options
def list_command(**flags: Any) -> None:
    """List all tokens, also those that expired or were revoked; never the secrets."""
    settings = load_settings(**flags)
    require_there(settings)
    require_current_schema(settings)
    with _opened(open_registry_to_look(settings)) as registry, registry.connection_context():
        rows = [_HEADINGS, *map(_row, all_tokens(registry))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


@token_group.command("revoke")
@click.argument("name")
@settings_options
def revoke_command(name: str, **flags: Any) -> None:
    """Revoke the token called NAME, or with this first part. It ends what was signed in with it."""
    settings = load_settings(**flags)
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
