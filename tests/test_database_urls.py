"""A database's URL: whatever is wrong with it, its password is never shown."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis.strategies import text
from pydantic import ValidationError

from glyphd.database_urls import scrubbed, without_password
from glyphd.errors import InvalidSettings
from glyphd.settings import Settings, load_settings

SECRET = "s3cr3t"


def _message(**flags: Any) -> str:
    with pytest.raises(InvalidSettings) as caught:
        load_settings(**flags)
    assert "\n" not in caught.value.detail
    return caught.value.detail


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"postgresql://me:{SECRET}@db:5432/gpu", "postgresql://me:***@db:5432/gpu"),
        (f"postgresql://me:a:b?c#d&e={SECRET}@db/gpu", "postgresql://me:***@db/gpu"),
        (f"postgresql://me%40corp:%2F{SECRET}@db/gpu", "postgresql://me%40corp:***@db/gpu"),
        (f"postgres://:{SECRET}@db/gpu?sslmode=require", "postgres://:***@db/gpu?sslmode=require"),
        (f"postgresql://me:{SECRET}@a:1,[::1]:2/gpu", "postgresql://me:***@a:1,[::1]:2/gpu"),
        (
            f"postgresql://db/gpu?user=me&password={SECRET}",
            "postgresql://db/gpu?user=me&password=***",
        ),
        (
            f"postgresql://db/gpu?user=a@b&password=a@{SECRET}",
            "postgresql://db/gpu?user=a@b&password=***",
        ),
        (f"postgresql://db/gpu?pass%77ord={SECRET}", "postgresql://db/gpu?pass%77ord=***"),
        (
            f"postgresql://db/gpu?PASSWORD={SECRET}&user=me",
            "postgresql://db/gpu?PASSWORD=***&user=me",
        ),
        (f"postgresql://db/gpu?sslpassword={SECRET}", "postgresql://db/gpu?sslpassword=***"),
        (f"postgresql://db/gpu?user=me;password={SECRET}", "postgresql://db/gpu?user=***"),
        (
            f"postgresql://db/gpu?options=-c%20x.password%3D{SECRET}",
            "postgresql://db/gpu?options=***",
        ),
        ("postgresql://me@db/gpu", "postgresql://me@db/gpu"),
        ("postgresql:///gpu?host=/run/pg", "postgresql:///gpu?host=/run/pg"),
        ("postgresql://%2Frun%2Fpg/gpu", "postgresql://%2Frun%2Fpg/gpu"),
    ],
)
def test_a_password_is_never_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown
    settings = load_settings(database_url=url)
    assert settings.shown()["database_url"] == shown
    assert SECRET not in repr(settings)


MALFORMED = [
    SECRET,
    f"me:{SECRET}@db/gpu",
    f"mysql://me:{SECRET}@db/gpu",
    f"postgresql:/me:{SECRET}@db/gpu",
    f"postgresql//me:{SECRET}@db/gpu",
    f"POSTGRESQL://me:{SECRET}@db/gpu",
    f"host=db password={SECRET}",
    f"postgresql://me:{SECRET}@x@db/gpu",
    f"postgresql://me:x@{SECRET}@db/gpu",
    f"postgresql://me:x/{SECRET}@db/gpu",
    f"postgresql://me:1/{SECRET}@db/gpu",
    f"postgresql://me:{SECRET}/x@db/gpu",
    f"postgresql://me:%zz{SECRET}@db/gpu",
    f"postgresql://me:{SECRET}:db/gpu",
    f"postgresql://me:{SECRET} @db/gpu",
    f"postgresql://db?password=x@{SECRET}",
    f"postgresql://db/gpu?sslmode=x#password={SECRET}",
    f"postgresql://db/gpu?sslmode=x?password={SECRET}%",
    f"postgresql://db/gpu/password={SECRET}",
    f"\npostgresql://me:{SECRET}@db/gpu",
]


@pytest.mark.parametrize("url", MALFORMED)
def test_nothing_of_a_url_that_is_wrong_is_shown(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    assert SECRET not in _message(database_url=url)
    monkeypatch.setenv("GLYPHD_DATABASE_URL", url)
    assert SECRET not in _message()
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["db_path", "data_dir", "host", "port", "log_level", "allowed_hosts", "trusted_proxies"]
)
def test_a_url_in_the_place_of_another_setting_is_not_shown(name: str) -> None:
    assert SECRET not in _message(**{name: f"postgresql://me:x@{SECRET}@db/gpu"})
    assert SECRET not in _message(**{name: Path(f"postgresql://me:{SECRET}/x@db/gpu")})


@given(text(alphabet="ab:/@?#&=%;, \n", max_size=12), text(alphabet="ab:/@?#&=%;, \n", max_size=12))
def test_whatever_is_around_a_password_it_is_never_shown(before: str, after: str) -> None:
    for url in (
        f"postgresql://me:{before}{SECRET}{after}@db/gpu",
        f"postgresql://db/gpu?password={SECRET}{after}",
    ):
        assert SECRET not in without_password(url)


@pytest.mark.parametrize(
    "url",
    ["postgresql://me:{}@db/gpu", "postgresql://db/gpu?password={}"],
)
def test_an_error_message_is_scrubbed_of_the_password(url: str) -> None:
    message = scrubbed(
        f'what is "s3/cr3t" or "s3%2Fcr3t" in {url.format("s3%2Fcr3t")}?', url.format("s3%2Fcr3t")
    )
    assert "cr3t" not in message
    assert message.startswith("what is ")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"redis://:{SECRET}@queue:6379/0", "redis://:***@queue:6379/0"),
        (f"rediss://me:{SECRET}@queue", "rediss://me:***@queue"),
        (f"redis://queue/1?password={SECRET}", "redis://queue/1?password=***"),
    ],
)
def test_a_queues_url_is_shown_without_its_password(url: str, shown: str) -> None:
    settings = load_settings(queue_url=url)
    assert settings.queue_url == url
    assert settings.shown()["queue_url"] == shown
    assert SECRET not in repr(settings)


def test_a_socket_of_redis_is_refused_with_the_reason() -> None:
    message = _message(queue_url=f"unix://:{SECRET}@/run/redis.sock")
    assert "a socket (unix://) can't be reached from another machine" in message
    assert SECRET not in message


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://me:{SECRET}@queue/0",
        f"redis://:{SECRET}@one,two/0",
        f"redis://:{SECRET}@queue/first",
        f"redis://:a/{SECRET}@queue/0",
    ],
)
def test_a_queues_url_that_redis_would_read_differently_is_refused(url: str) -> None:
    message = _message(queue_url=url)
    assert message.startswith("--queue-url=")
    assert "redis://" in message
    assert SECRET not in message
