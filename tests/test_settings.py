"""Settings: default < environment < flag; errors are reported in one line."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from glyphd.errors import InvalidSettings
from glyphd.settings import Settings, load_settings


def _message(**flags: Any) -> str:
    with pytest.raises(InvalidSettings) as caught:
        load_settings(**flags)
    assert "\n" not in caught.value.detail
    return caught.value.detail


def test_without_any_setting_all_is_in_the_data_folder() -> None:
    settings = load_settings()
    assert settings.archive_path == Path("data/gpu.sqlite")
    assert (settings.host, settings.port, settings.database_url) == ("127.0.0.1", 8080, None)


def test_the_environment_comes_before_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLYPHD_PORT", "9000")
    monkeypatch.setenv("GLYPHD_DATA_DIR", "/srv/gpu")
    settings = load_settings()
    assert (settings.port, settings.data_dir) == (9000, Path("/srv/gpu"))


def test_a_flag_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLYPHD_PORT", "9000")
    assert load_settings(port=9001).port == 9001


def test_a_flag_that_was_not_given_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLYPHD_HOST", "0.0.0.0")
    assert load_settings(host=None).host == "0.0.0.0"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_can_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    values = {
        "database_url": "postgresql://localhost/x",
        "log_level": "ERROR",
        "log_format": "json",
        "processes": "3",
        "threads": "9",
        "anonymous": "read",
    }
    values |= {"allowed_hosts": "gpu.example.com,Ledger.lan", "trusted_proxies": "10.0.0.0/8,::1"}
    values |= {"webhook_private": "True", "upload_url": "s3://bucket/prefix"}
    values |= {"read_url": "postgresql://standby/x", "queue_url": "redis://queue/1"}
    value = values.get(name, "2048")
    monkeypatch.setenv("GLYPHD_DATABASE_URL", values["database_url"])  # a standby needs a primary
    monkeypatch.setenv(f"GLYPHD_{name.upper()}", value)
    assert str(getattr(load_settings(), name)).removesuffix(".0") == value


def test_a_standby_needs_a_primary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLYPHD_READ_URL", "postgresql://me:secret@standby/x")
    with pytest.raises(InvalidSettings, match="needs the primary's URL in GLYPHD_DATABASE_URL"):
        load_settings()
    settings = load_settings(database_url="postgresql://me:secret@primary/x")
    assert settings.shown()["read_url"] == "postgresql://me:***@standby/x"


def test_an_empty_variable_is_as_if_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(f"GLYPHD_{name.upper()}", "")
    assert load_settings() == Settings()


def test_a_url_can_be_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As secrets are passed to containers. A child process gets the URL itself."""
    (tmp_path / "url").write_text("postgresql://ledger:s3cret@db/gpu\n")
    monkeypatch.setenv("GLYPHD_DATABASE_URL_FILE", str(tmp_path / "url"))
    settings = load_settings()
    assert settings.database_url == "postgresql://ledger:s3cret@db/gpu"
    child = settings.child_environment()
    assert child["GLYPHD_DATABASE_URL"] == "postgresql://ledger:s3cret@db/gpu"
    assert "GLYPHD_DATABASE_URL_FILE" not in child


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file or directory"),
        (b"", "the file is empty"),
        (b"\xff\xfe", "not a text file"),
    ],
)
def test_a_file_without_a_url_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "url"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("GLYPHD_DATABASE_URL_FILE", str(path))
    assert _message() == f"GLYPHD_DATABASE_URL_FILE={path}: {reason}"


def test_a_bad_url_in_a_file_is_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("mysql://ledger:s3cret@db/gpu")
    monkeypatch.setenv("GLYPHD_DATABASE_URL_FILE", str(tmp_path / "url"))
    assert "s3cret" not in _message()


def test_a_url_is_given_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GLYPHD_DATABASE_URL_FILE", str(tmp_path / "url"))
    monkeypatch.setenv("GLYPHD_DATABASE_URL", "postgresql://localhost/x")
    assert "can't both be set" in _message()


def test_only_urls_can_be_in_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLYPHD_PORT_FILE", "x")
    assert "there is no such setting" in _message()


def test_an_unknown_variable_is_refused_with_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLYPHD_DBPATH", "x")
    assert _message() == "GLYPHD_DBPATH: there is no such setting; did you mean GLYPHD_DB_PATH?"


def test_a_variable_like_no_setting_is_refused_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLYPHD_Q", "x")
    assert _message() == "GLYPHD_Q: there is no such setting"


def test_variables_of_the_tests_and_of_others_are_no_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GLYPHD_TEST_POSTGRES_URL", "x")
    monkeypatch.setenv("GLYPHDPORT", "x")
    assert load_settings() == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "http"),
        ("port", "65536"),
        ("port", "-1"),
        ("processes", "0"),
        ("processes", "65"),
        ("threads", "1"),
        ("threads", "257"),
        ("grace_seconds", "0"),
        ("max_upload_bytes", "4GB"),
        ("max_line_bytes", "1023"),
        ("max_row_errors", "0"),
        ("log_level", "LOUD"),
        ("log_format", "xml"),
        ("allowed_hosts", "https://gpu.example.com"),
        ("allowed_hosts", "gpu.example.com:8443"),
        ("allowed_hosts", "localhost, gpu.example.com/glyphd"),
        ("allowed_hosts", "*.example.com"),
        ("trusted_proxies", "proxy.example.com"),
        ("trusted_proxies", "10.0.0.1/8"),
        ("trusted_proxies", "::1, 10.0.0"),
        ("trusted_proxies", "*"),
        ("database_url", "mysql://localhost/x"),
    ],
)
def test_a_bad_value_is_told_with_its_place(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    assert _message(**{name: value}).startswith(f"--{name.replace('_', '-')}={value}: ")
    monkeypatch.setenv(f"GLYPHD_{name.upper()}", value)
    assert _message().startswith(f"GLYPHD_{name.upper()}={value}: ")


@pytest.mark.parametrize(
    "url",
    [
        "s3://KEY-ID:SECRET@bucket/prefix",
        "s3://bucket/prefix?secret_access_key=SECRET",
        "s3://bucket/prefix#SECRET",
        "https://SECRET.s3.amazonaws.com/bucket",
        "file:///srv/SECRET",
        "s3://bucket/SECRET/../other",
        "s3://bucket//SECRET",
        "s3:///SECRET",
        "SECRET",
    ],
)
def test_a_bucket_is_a_bucket_and_a_prefix(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("GLYPHD_UPLOAD_URL", url)
    message = _message()
    assert message.startswith("GLYPHD_UPLOAD_URL=***: must ")
    assert not any(secret in message for secret in ("SECRET.", "SECRET@", "=SECRET", "KEY-ID"))


@pytest.mark.parametrize("name", ["data_dir", "db_path", "host"])
def test_a_path_may_not_hold_a_nul(name: str) -> None:
    assert "NUL" in _message(**{name: "a\0b"})


def test_a_flag_that_is_no_setting_is_refused() -> None:
    assert _message(colour="red").startswith("--colour=red: ")


@pytest.mark.parametrize("level", ["debug", "Debug", "DEBUG"])
def test_a_level_may_be_written_in_any_case(level: str) -> None:
    assert load_settings(log_level=level).log_level == "DEBUG"


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1  # type: ignore[misc]


def test_every_setting_is_shown_and_described() -> None:
    assert list(Settings().shown()) == list(Settings.model_fields)
    assert all(field.description for field in Settings.model_fields.values())


def test_a_child_runs_with_these_very_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GLYPHD_PORT", "9000")
    monkeypatch.setenv("GLYPHD_THREADS", "9")
    monkeypatch.setenv("PATH", "/bin")
    settings = load_settings(data_dir=tmp_path, port=9001, database_url="postgresql://me:x@db/gpu")
    environment = settings.child_environment()
    assert environment["PATH"] == "/bin"
    assert {name: value for name, value in environment.items() if name.startswith("GLYPHD_")} == {
        "GLYPHD_DATA_DIR": str(tmp_path),
        "GLYPHD_DATABASE_URL": "postgresql://me:x@db/gpu",
        "GLYPHD_PORT": "9001",
        "GLYPHD_THREADS": "9",
    }


def test_what_was_chosen_here_hides_the_variable_from_the_child(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GLYPHD_DATABASE_URL", "postgresql://db/gpu")
    assert "GLYPHD_DATABASE_URL" not in Settings(database_url=None).child_environment()
