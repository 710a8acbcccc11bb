"""`GLYPHD_TOKENS_FILE`: tokens that a container or a secret store provides as a file."""

import re
import shlex
from dataclasses import replace
from pathlib import Path

from glyphd.errors import InvalidSettings
from glyphd.times import parse_time
from glyphd.token_text import MistypedToken, without_tokens
from glyphd.tokens.grants import Grant, Scope, grant_of
from glyphd.tokens.terms import read_terms

MAX_FILE_BYTES = 1024 * 1024
_HASH = re.compile(r"sha256:([0-9a-f]{64})")
_OPTIONS = ("source", "expires")


def read_tokens_file(path: Path) -> tuple[Grant, ...]:
    """The tokens in the file, one a line: `NAME SCOPE TOKEN [source=SOURCE] [expires=DATE]`, where
    `sha256:` and a hash may replace the token.

    Raises InvalidSettings, naming the file and the line.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        text = content.decode()
    except OSError as error:
        raise InvalidSettings(f"GLYPHD_TOKENS_FILE={path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidSettings(f"GLYPHD_TOKENS_FILE={path}: it is not UTF-8 text") from None
    if len(content) > MAX_FILE_BYTES:
        raise InvalidSettings(f"GLYPHD_TOKENS_FILE={path}: it is larger than 1 MiB")
    return tuple(_grants(path, text))


def _grants(path: Path, text: str) -> list[Grant]:
    grants: list[Grant] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            grant = _read_line(line)
            if any(grant.digest == other.digest for other in grants):
                raise ValueError("this token is on an earlier line")
            if any(grant.name == other.name for other in grants):
                raise ValueError(f"the name {grant.name} is on an earlier line")
        except ValueError as error:
            raise InvalidSettings(
                f"GLYPHD_TOKENS_FILE={path}: line {number}: {without_tokens(str(error))}"
            ) from None
        grants.append(grant)
    return grants


def _read_line(line: str) -> Grant:
    """Raises ValueError, whose message never contains the token."""
    words = shlex.split(line, comments=True)
    if len(words) < len(("name", "scope", "token")):
        raise ValueError("expected NAME SCOPE TOKEN, then source=… and expires=…")
    name, scope, secret, *others = words
    options = _read_options(others)
    terms = read_terms(name, scope, source=options.get("source"))
    grant = _granted(secret, name, terms.scope)
    return replace(grant, source=terms.source, expires_at=_moment(options.get("expires")))


def _read_options(words: list[str]) -> dict[str, str]:
    options: dict[str, str] = {}
    for word in words:
        name, is_given, value = word.partition("=")
        if not is_given or name not in _OPTIONS or name in options or not value:
            raise ValueError("after the token come source=… and expires=…, each once at most")
        options[name] = value
    return options


def _granted(secret: str, name: str, scope: Scope) -> Grant:
    found = _HASH.fullmatch(secret)
    if found:
        return Grant(name, scope, found[1])
    try:
        return grant_of(secret, name, scope)
    except MistypedToken as error:
        raise ValueError(f"the token can't be used: {error}") from None


def _moment(expires: str | None) -> str | None:
    """A date or a time, which may be in the past, because a file may be old."""
    if expires is None:
        return None
    try:
        return parse_time(expires)
    except ValueError:
        raise ValueError("expires= needs a date or a time such as 2027-01-31") from None
