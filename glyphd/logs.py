"""Logging: one line for each event, with ids bound by context; readable on a terminal, JSON
otherwise."""

import logging
import re
import sys
from collections.abc import MutableMapping
from io import StringIO
from typing import Any, TextIO

import structlog

from glyphd.settings import Settings
from glyphd.token_text import without_tokens

_NOISY = ("huey", "peewee", "peewee_migrate", "waitress")
_FEED_SECRET = re.compile(r"(/watches/+[^/\s]+/+feed/+)[\w~.%-]+", re.IGNORECASE)
"""The address of a watch's feed: anyone who knows it can read the feed."""


def configure_logs(settings: Settings, **facts: object) -> None:
    """Sends this process's events, and the warnings of the libraries below it, to stderr, with
    these facts on every line."""

    def with_facts(
        _logger: Any, _name: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        return {**event, **facts}

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        with_facts,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[settings.log_level]
        ),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=_rendering(settings)
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("peewee_migrate.logs").addFilter(_is_no_traceback)


def _is_no_traceback(record: logging.LogRecord) -> bool:
    """A migration that fails logs a traceback and also raises its error: one line is enough."""
    return not record.exc_info


def _escape_values(
    _logger: Any, _name: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Escapes control characters that a terminal would act on: paths, file names and headers come
    from clients."""
    return {
        key: _visible(value) if isinstance(value, str) else value for key, value in event.items()
    }


def _plain_traceback(stream: TextIO, exc_info: Any) -> None:
    traceback = StringIO()
    structlog.dev.plain_traceback(traceback, exc_info)
    stream.write("\n".join(_visible(line) for line in traceback.getvalue().split("\n")))


def _visible(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def _without_secrets(_logger: Any, _name: str, line: str) -> str:
    """The path of a request may contain a secret: that of a feed, or a token in the wrong place."""
    return _FEED_SECRET.sub(r"\1…", without_tokens(line))


def _rendering(settings: Settings) -> list[Any]:
    first = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    for_people = settings.log_format == "console" or (
        settings.log_format == "auto" and sys.stderr.isatty()
    )
    if for_people:
        # Not Rich's tracebacks: they show local variables, which may include a password.
        rendered = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=_plain_traceback
        )
        return [first, _escape_values, rendered, _without_secrets]
    return [
        first,
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(default=str),
        _without_secrets,
    ]
