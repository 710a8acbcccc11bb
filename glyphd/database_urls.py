"""The URL of a database or of a queue: refused if it is ambiguous, and shown without its
password."""

import re
from urllib.parse import unquote

SCHEMES = ("postgresql", "postgres")
REDIS_SCHEMES = ("redis", "rediss")
"""Over TCP, without and with TLS."""

_ESCAPE = "%[0-9A-Fa-f]{2}"
_USER = rf"(?:[^@/:?#%\s]|{_ESCAPE})*"
_PASSWORD = rf"(?:[^@/%\s]|{_ESCAPE})*"
_HOST = rf"(?:\[[0-9A-Fa-f:.]+\]|(?:[^@/:?#,&=%\[\]\s]|{_ESCAPE})*)(?::[0-9]*)?"
_DATABASE = rf"(?:[^@/:?#&=%\s]|{_ESCAPE})*"
_PARAMETER = rf"(?:\w|{_ESCAPE})+=(?:[^#&%\s]|{_ESCAPE})*"
_URL = re.compile(
    rf"(?P<scheme>[a-z][a-z0-9+.-]*)://"
    rf"(?:(?P<user>{_USER})(?::(?P<password>{_PASSWORD}))?@)?"
    rf"(?P<place>{_HOST}(?:,{_HOST})*(?:/{_DATABASE})?)"
    rf"(?:\?(?P<parameters>{_PARAMETER}(?:&{_PARAMETER})*)?)?"
)
_PLAIN_VALUE = re.compile(r"[\w.,:/@~+ -]*")
_HIDDEN = "***"
_SHOWN_PARAMETERS = frozenset(
    {
        "application_name",
        "connect_timeout",
        "dbname",
        "host",
        "hostaddr",
        "port",
        "sslmode",
        "target_session_attrs",
        "user",
    }
)


def require_readable_url(url: str) -> None:
    """Raises ValueError, without any part of the URL in its text, for a URL that PostgreSQL would
    read differently.

    With an `@` or `/` in a password, the rest of the password would become a host name and appear
    in error messages.
    """
    if url.partition("://")[0] not in SCHEMES:
        raise ValueError("must start with postgresql://")
    if _parts(url) is None:
        raise ValueError(
            "must be postgresql://user:password@host:port/database, with special characters "
            "percent-encoded, "
            "such as %40 for @ and %2F for / in a password"
        )


def require_redis_url(url: str) -> None:
    """Raises ValueError, without any part of the URL in its text, for one that Redis's client would
    read differently."""
    if url.partition("://")[0] not in REDIS_SCHEMES:
        raise ValueError(
            "must start with redis:// or rediss://; a socket (unix://) can't be reached from "
            "another machine"
        )
    parts = _parts(url)
    database = parts["place"].partition("/")[2] if parts else ""
    if parts is None or "," in parts["place"] or not (database.isdecimal() or not database):
        raise ValueError(
            "must be redis://user:password@host:port/number, with special characters "
            "percent-encoded, such as %40 for @ and %2F for / in a password"
        )


def without_password(url: str) -> str:
    """The URL for people, with `***` for its password and for parameters that may be one.

    A malformed URL is not shown at all, because a password may be anywhere in it.
    """
    parts = _parts(url)
    if parts is None:
        return _HIDDEN
    credentials = _shown_credentials(parts["user"], parts["password"])
    shown = f"{parts['scheme']}://{credentials}{parts['place']}"
    if parts["parameters"]:
        shown += f"?{'&'.join(map(_shown_parameter, parts['parameters'].split('&')))}"
    return shown


def scrubbed(text: str, url: str) -> str:
    """A message about the database of this URL, with `***` for every password of the URL."""
    for secret in sorted(_secrets(url), key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    return text


def _parts(url: str) -> re.Match[str] | None:
    """The URL's parts, or None for a malformed one."""
    found = _URL.fullmatch(url)
    if found and "@" in (found["parameters"] or "") and "/" not in found["place"]:
        return None  # without a slash before it PostgreSQL reads everything before the @ as a user
    return found


def _secrets(url: str) -> set[str]:
    parts = _parts(url)
    if parts is None:
        return set()
    parameters = (parts["parameters"] or "").split("&")
    hidden = [
        parameter.partition("=")[2] for parameter in parameters if not _may_be_shown(parameter)
    ]
    given = [value for value in (parts["password"], *hidden) if value]
    return {form for value in given for form in (value, unquote(value))}


def _shown_credentials(user: str | None, password: str | None) -> str:
    if user is None:
        return ""
    return f"{user}@" if password is None else f"{user}:{_HIDDEN}@"


def _shown_parameter(parameter: str) -> str:
    return parameter if _may_be_shown(parameter) else f"{parameter.partition('=')[0]}={_HIDDEN}"


def _may_be_shown(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return unquote(name).lower() in _SHOWN_PARAMETERS and bool(
        _PLAIN_VALUE.fullmatch(unquote(value))
    )
