"""Logs: one line per event, JSON unless stderr is a terminal."""

import io
import json
import logging
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from glyphd.logs import configure_logs
from glyphd.settings import Settings


class Terminal(io.StringIO):
    """A terminal as stderr."""

    def isatty(self) -> bool:
        return True


Log = Callable[..., list[str]]


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Restores what `configure_logs` changes for the whole process."""
    config, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    structlog.contextvars.clear_contextvars()
    noisy = {
        name: logging.getLogger(name).level
        for name in ("huey", "peewee", "peewee_migrate", "waitress")
    }
    yield
    structlog.configure(**config)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in noisy.items():
        logging.getLogger(name).setLevel(before)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    """The lines that an action writes to stderr."""

    def run(
        action: Callable[[Any], object], stderr: io.StringIO | None = None, **settings: Any
    ) -> list[str]:
        stream = stderr or io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        configure_logs(Settings(**settings))
        action(structlog.get_logger("test"))
        return stream.getvalue().splitlines()

    return run


def test_an_event_is_one_line_of_json(log: Log) -> None:
    (line,) = log(lambda logger: logger.info("import_finished", import_id="a", text="two\nlines"))
    event = json.loads(line)
    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "event": "import_finished",
        "level": "info",
        "import_id": "a",
        "text": "two\nlines",
    }


def test_ids_bound_by_context_are_in_every_line(log: Log) -> None:
    def act(logger: Any) -> None:
        with structlog.contextvars.bound_contextvars(import_id="a"):
            logger.info("one")
            logging.getLogger("other").warning("two")

    assert [json.loads(line)["import_id"] for line in log(act)] == ["a", "a"]


def test_an_exception_stays_in_the_line(log: Log) -> None:
    def act(logger: Any) -> None:
        try:
            raise ValueError("what went wrong")
        except ValueError:
            logger.warning("check_failed", exc_info=True)

    (line,) = log(act)
    assert "ValueError: what went wrong" in json.loads(line)["exception"]


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_an_exception_shows_no_local_variable(log: Log, log_format: str) -> None:
    def act(logger: Any) -> None:
        url = "s3" + "cr3t"
        try:
            raise ValueError(len(url))
        except ValueError:
            logger.warning("check_failed", exc_info=True)

    told = "\n".join(log(act, log_format=log_format))
    assert "ValueError: 6" in told
    assert "s3cr3t" not in told


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_the_address_of_a_feed_is_cut(log: Log, log_format: str) -> None:
    path = "/api/watches/4e1f/feed/-s3cr3t_"

    def act(logger: Any) -> None:
        logger.debug("request_answered", path=path, status=200)
        try:
            raise ValueError(f"no such path: {path}")
        except ValueError:
            logger.exception("request_crashed", path=path)

    told = log(act, log_format=log_format, log_level="DEBUG")
    assert "s3cr3t" not in "\n".join(told)
    assert "/api/watches/4e1f/feed/…" in told[0]
    assert "200" in told[0]


def test_what_json_does_not_know_is_written_as_text(log: Log) -> None:
    (line,) = log(lambda logger: logger.info("event", value={1}))
    assert json.loads(line)["value"] == "{1}"


@pytest.mark.parametrize(
    ("level", "events"), [("DEBUG", 3), ("INFO", 2), ("WARNING", 1), ("ERROR", 0)]
)
def test_what_is_below_the_level_is_not_written(log: Log, level: str, events: int) -> None:
    def act(logger: Any) -> None:
        logger.debug("one")
        logger.info("two")
        logger.warning("three")

    assert len(log(act, log_level=level)) == events


def test_libraries_are_heard_from_a_warning_on(log: Log) -> None:
    def act(logger: Any) -> None:
        for name in ("huey", "peewee", "peewee_migrate", "waitress"):
            logging.getLogger(name).info("too much")
            logging.getLogger(name).warning("heard %s", name)

    assert [json.loads(line)["event"] for line in log(act, log_level="DEBUG")] == [
        "heard huey", "heard peewee", "heard peewee_migrate", "heard waitress",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("log_format", "stderr", "is_json"),
    [
        ("auto", io.StringIO, True),
        ("auto", Terminal, False),
        ("json", Terminal, True),
        ("console", io.StringIO, False),
        ("console", Terminal, False),
    ],
)
def test_people_get_words_and_machines_json(
    log: Log, log_format: str, stderr: type[io.StringIO], is_json: bool
) -> None:
    (line,) = log(lambda logger: logger.info("event"), stderr(), log_format=log_format)
    assert "event" in line
    assert line.startswith("{") is is_json


def test_only_a_terminal_gets_colours(log: Log) -> None:
    (plain,) = log(lambda logger: logger.info("event"), log_format="console")
    (coloured,) = log(lambda logger: logger.info("event"), Terminal(), log_format="console")
    assert ("\x1b[" in plain, "\x1b[" in coloured) == (False, True)


HOSTILE = "\x1b[2J\x1b]0;owned\x07 \x9b31m \r\nfake line \u202e\u200b\x7f\udcff"


@pytest.mark.parametrize("stderr", [io.StringIO, Terminal])
def test_a_terminal_gets_nothing_to_obey(log: Log, stderr: type[io.StringIO]) -> None:
    def act(logger: Any) -> None:
        logger.info(
            "refused", path=HOSTILE, reason=HOSTILE, names=[HOSTILE], members={HOSTILE: HOSTILE}
        )
        logging.getLogger("waitress").warning("Exception while serving %s", HOSTILE)
        try:
            raise ValueError("\x1b[2J")
        except ValueError:
            logger.warning("failed", exc_info=True)

    told = log(act, stderr(), log_format="console")
    without_colors = [re.sub("\x1b\\[[0-9;]*m", "", line) for line in told]
    assert all(line.isprintable() for line in without_colors)
    assert not any(line.startswith("fake line") for line in told)
    assert "\\x1b[2J" in without_colors[0]
