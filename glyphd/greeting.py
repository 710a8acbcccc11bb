"""The message of `glyphd serve` on the terminal when it is ready."""

from importlib.metadata import version

from glyphd.settings import Settings

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_ANY_ADDRESS = ("0.0.0.0", "::")


def greeting(settings: Settings, host: str, port: int, *, is_locked: bool = False) -> str:
    """The addresses of the page and the server, who may use it, where the data is, and what to try
    next."""
    at = f"http://{_in_url(host)}:{port}"
    data: object = settings.archive_path.absolute()
    if settings.database_url:
        data = settings.shown()["database_url"]
    sent = '-H "Authorization: Bearer $TOKEN" ' if is_locked else ""
    near = "localhost" if host in (*LOOPBACK, *_ANY_ADDRESS) else _in_url(host)
    page = f"http://localhost:{port}" if host in _ANY_ADDRESS else at
    return (
        f"glyphd {version('glyphd')}: open {page} in a browser\n"
        f"listens on {at} ({_reach(settings, host, is_locked=is_locked)})\n"
        f"data: {data}\n"
        f"try:  curl {sent}-F file=@sample/scored_sample.csv http://{near}:{port}/api/import\n"
        f'      curl {sent}"http://{near}:{port}/api/listings?limit=5"'
    )


def _reach(settings: Settings, host: str, *, is_locked: bool) -> str:
    """Who can use it."""
    if is_locked and settings.anonymous:
        return "every request that writes needs a token; anyone who can reach it can read"
    if is_locked:
        return "every request needs a token"
    if host in LOOPBACK:
        return "only this machine can reach it, without a token; with --host 0.0.0.0 others can"
    return (
        "anyone who can reach this address can read and write, until you create a token with "
        "`glyphd token create`"
    )


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
