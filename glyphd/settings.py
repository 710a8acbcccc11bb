"""Settings: default < environment (`GLYPHD_*`) < flag. The only module that reads the
environment."""

import os
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from glyphd.data_places import DataPlaces
from glyphd.database_urls import require_readable_url, require_redis_url, without_password
from glyphd.errors import InvalidSettings
from glyphd.setting_files import file_variables, read_setting_files
from glyphd.setting_lists import Network, read_hosts, read_networks
from glyphd.upload_urls import require_bucket_url, shown_bucket

PREFIX = "GLYPHD_"
_TEST_PREFIX = "GLYPHD_TEST_"
_URLS = ("database_url", "read_url", "queue_url")
_URL_RULES: dict[str, Callable[[str], None]] = {
    "database_url": require_readable_url,
    "read_url": require_readable_url,
    "queue_url": require_redis_url,
    "upload_url": require_bucket_url,
}
"""A check that raises ValueError for a URL that can't be used."""

MIB = 1024 * 1024


class Settings(DataPlaces):
    """Everything that an operator can choose; sizes are in bytes, durations in seconds."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,  # it may contain a password
    )

    database_url: str | None = Field(
        None, repr=False, description="postgresql://… for archive, registry and queue"
    )
    read_url: str | None = Field(
        None, repr=False, description="postgresql://… of a standby that the API reads from"
    )
    queue_url: str | None = Field(
        None, repr=False, description="redis://… for the queue; default the database"
    )
    upload_url: str | None = Field(
        None, description="s3://…, gs://… or az://… for uploads; default a folder"
    )

    host: str = Field("127.0.0.1", description="Address the API listens on")
    port: int = Field(
        8080, ge=0, le=65535, description="Port the API listens on; 0 picks a free one"
    )
    allowed_hosts: str | None = Field(None, description="More host names to serve, or * for any")
    trusted_proxies: str | None = Field(
        None, description="Addresses or networks whose X-Forwarded-… headers are trusted"
    )
    tokens_file: Path | None = Field(None, description="Tokens, one a line")
    anonymous: Literal["read"] | None = Field(
        None, description="read: reading needs no token, even if writing does"
    )
    processes: int | None = Field(
        None, ge=1, le=64, description="API processes; default as many as cores, at most 4"
    )
    threads: int = Field(8, ge=2, le=256, description="Threads that answer requests")
    grace_seconds: float = Field(
        25, gt=0, le=3600, description="Seconds to finish current work after a stop signal"
    )

    webhook_private: bool = Field(
        False, description="Whether webhooks may be sent to private and loopback addresses"
    )

    max_upload_bytes: int = Field(4096 * MIB, ge=1, description="Largest upload")
    max_unpacked_bytes: int = Field(
        16384 * MIB, ge=1, description="Largest unpacked size of a gzip upload"
    )
    max_uploads_in_flight: int = Field(
        64, ge=1, description="Uploads received at the same time; more are 503"
    )
    max_imports_waiting: int = Field(
        1000, ge=1, description="Unfinished imports; further uploads are 503"
    )
    disk_reserve_bytes: int = Field(
        128 * MIB, ge=0, description="Free disk space that uploads never use"
    )
    max_scratch_bytes: int = Field(
        16384 * MIB, ge=1, description="Total size of the temporary files of answers; beyond it 503"
    )
    max_kept_result_bytes: int = Field(
        4096 * MIB, ge=0, description="Size of whole results kept after their last reader"
    )
    max_json_bytes: int = Field(16 * MIB, ge=1, description="Largest JSON body")
    max_line_bytes: int = Field(
        MIB, ge=1024, le=64 * MIB, description="Longest physical line of a CSV"
    )
    max_columns: int = Field(1000, ge=26, le=100_000, description="Columns of a CSV's header")
    max_row_errors: int = Field(
        100_000, ge=1, description="Row errors stored for each import; all are counted"
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Lowest level that is logged"
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="auto: console on a terminal"
    )

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then variables, then the files that variables name."""
        in_files = read_setting_files(os.environ, _variables())
        files = InitSettingsSource(settings_cls, init_kwargs=in_files)
        return init_settings, env_settings, files

    @field_validator("data_dir", "db_path", "host", mode="before")
    @classmethod
    def _is_no_url(cls, value: Any) -> Any:
        if "\0" in str(value):
            raise ValueError("must not contain a NUL character")
        if ":/" in str(value):
            raise ValueError(
                "must not be a URL; the URL of a database goes into GLYPHD_DATABASE_URL"
            )
        return value

    @field_validator(*_URL_RULES)
    @classmethod
    def _is_readable(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.field_name is not None:
            _URL_RULES[info.field_name](value)
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _are_hosts(cls, value: str | None) -> str | None:
        read_hosts(value)
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: str | None) -> str | None:
        read_networks(value)
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

    @property
    def allowed_host_names(self) -> frozenset[str]:
        """The names in `allowed_hosts` as normalized by `parse_host`; ANY_HOST is unchanged."""
        return read_hosts(self.allowed_hosts)

    @property
    def trusted_networks(self) -> tuple[Network, ...]:
        return read_networks(self.trusted_proxies)

    def child_environment(self) -> dict[str, str]:
        """The environment in which a child process has exactly these settings."""
        inherited = environment_without_settings()
        chosen = self.model_dump(mode="json", include=self.model_fields_set)
        return inherited | {
            PREFIX + name.upper(): str(value) for name, value in chosen.items() if value is not None
        }

    def shown(self) -> dict[str, str]:
        """Every setting as text for people, without passwords."""
        shown = {name: str(value) for name, value in self.model_dump(mode="json").items()}
        shown["db_path"] = str(self.archive_path.absolute())
        shown["data_dir"] = str(self.folder.absolute())
        for name in _URLS:
            if (url := getattr(self, name)) is not None:
                shown[name] = without_password(url)
        return shown


def environment_without_settings() -> dict[str, str]:
    """This process's environment, for other programs."""
    return {name: value for name, value in os.environ.items() if not _is_setting(name)}


def load_settings(**flags: Any) -> Settings:
    """Settings from defaults, environment and flags (None: not given).

    Raises InvalidSettings with one line that says what is wrong and where it was set.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    _refuse_unknown_variables()
    try:
        settings = Settings(**given)
    except ValidationError as error:
        raise _refusal(error, {name: f"--{name.replace('_', '-')}" for name in given}) from None
    if settings.read_url is not None and settings.database_url is None:
        raise InvalidSettings("GLYPHD_READ_URL needs the primary's URL in GLYPHD_DATABASE_URL")
    return settings


def settings_of_file(archive: Path) -> Settings:
    """Settings for one SQLite archive by its path, with its companions beside it, regardless of the
    environment.

    Raises InvalidSettings for a path that can't be an archive's.
    """
    try:
        return Settings(
            db_path=archive,
            data_dir=archive.parent,
            database_url=None,
            read_url=None,
            queue_url=None,
            upload_url=None,
        )
    except ValidationError as error:
        raise _refusal(error, {"db_path": "db_path"}) from None


def _refusal(error: ValidationError, given: Mapping[str, str]) -> InvalidSettings:
    """The first error as one line. `given` has the names of the settings that were not given as
    variables."""
    first = error.errors()[0]
    name, value = str(first["loc"][0]), str(first["input"])
    shown, reason = value, first["msg"].removeprefix("Value error, ")
    # Any setting may have been set to a URL by mistake, with a password anywhere in it.
    if name in _URLS or any(mark in value for mark in (":/", "@")):
        shown = without_password(value)
    if name == "upload_url":
        shown = shown_bucket(value)
    elif name not in _URLS and "@" in value:
        reason = "must not contain an @"  # the reason may quote a part of the value
    return InvalidSettings(f"{given.get(name, PREFIX + name.upper())}={shown}: {reason}")


def _variables() -> dict[str, str]:
    """The environment variable of each setting."""
    return {name: PREFIX + name.upper() for name in Settings.model_fields}


def _refuse_unknown_variables() -> None:
    known = [*_variables().values(), *file_variables(_variables())]
    for name in filter(_is_setting, os.environ):
        if name not in known:
            given = name.removeprefix(PREFIX)
            near = get_close_matches(given, [one.removeprefix(PREFIX) for one in known], n=1)
            hint = f"; did you mean {PREFIX}{near[0]}?" if near else ""
            raise InvalidSettings(f"{name}: there is no such setting{hint}")


def _is_setting(name: str) -> bool:
    return name.startswith(PREFIX) and not name.startswith(_TEST_PREFIX)
