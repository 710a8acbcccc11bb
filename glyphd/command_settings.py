"""What all commands share: their settings, and the exit codes of errors."""

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from glyphd.errors import GlyphdError, InvalidSettings, SchemaError

EXIT_WRONG = 1
EXIT_UNUSABLE = 2
EXIT_TRY_AGAIN = 75
"""`EX_TEMPFAIL` of sysexits.h."""


def settings_options(command: Callable[..., None]) -> Callable[..., None]:
    """Every command has these two options, gets its settings as the first argument, and reports an
    error in one of them or in a schema as one line."""

    @click.option(
        "--db-path", type=click.Path(path_type=Path), help="Path of the archive (GLYPHD_DB_PATH)."
    )
    @click.option(
        "--data-dir", type=click.Path(path_type=Path), help="Folder for all data (GLYPHD_DATA_DIR)."
    )
    @wraps(command)
    def run(**options: Any) -> None:
        from glyphd.settings import Settings, load_settings

        flags = {name: options.pop(name) for name in Settings.model_fields if name in options}
        try:
            command(load_settings(**flags), **options)
        except Exception as error:
            line = _unusable(error)
            if line is None:
                raise
            click.echo(f"glyphd: {line}", err=True)
            sys.exit(_exit_code(error, is_supervised=bool(options.get("stop_with_parent"))))

    return run


def _exit_code(error: Exception, *, is_supervised: bool) -> int:
    """`glyphd serve` restarts its worker, unless a setting or the schema is wrong: that would not
    change by itself."""
    is_final = isinstance(error, InvalidSettings | SchemaError)
    return EXIT_TRY_AGAIN if is_supervised and not is_final else EXIT_UNUSABLE


def _unusable(error: Exception) -> str | None:
    """What is wrong with the settings or the environment, in one line; None for a bug in glyphd."""
    if isinstance(error, GlyphdError):
        return error.detail if error.reason is None else f"{error.detail}: {error.reason}"
    if isinstance(error, OSError):
        return ": ".join(
            str(part) for part in (error.strerror or str(error), error.filename) if part
        )
    from glyphd.db.troubles import is_database_error

    said = next(iter(str(error).splitlines()), type(error).__name__)
    if is_database_error(error):
        return f"a database can't be used: {said}"
    return None
