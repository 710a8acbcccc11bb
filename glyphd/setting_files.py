"""Settings whose value is in a separate file, as containers get their secrets:
`GLYPHD_DATABASE_URL_FILE=/run/secrets/database_url` instead of `GLYPHD_DATABASE_URL`."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from glyphd.errors import InvalidSettings

ENDING = "_FILE"


def is_secret(setting: str) -> bool:
    """Whether a setting may be given in a file: the URLs, because a password may be in them."""
    return setting.endswith("_url")


def read_setting_files(
    environment: Mapping[str, str], variables: Mapping[str, str]
) -> dict[str, str]:
    """The values of settings that are given in a file, by the settings' names. `variables` has the
    environment variable of each setting.

    Raises InvalidSettings for a setting that is given twice, or whose file can't be read.
    """
    found = {}
    for setting, variable in variables.items():
        path = environment.get(variable + ENDING)
        if not path or not is_secret(setting):
            continue
        if environment.get(variable):
            raise InvalidSettings(f"{variable} and {variable}{ENDING} can't both be set")
        found[setting] = _text_of(variable + ENDING, Path(path))
    return found


def file_variables(variables: Mapping[str, str]) -> Iterable[str]:
    """The variables that name a file."""
    return [variable + ENDING for setting, variable in variables.items() if is_secret(setting)]


def _text_of(variable: str, path: Path) -> str:
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise InvalidSettings(f"{variable}={path}: {reason}") from None
    if not text:
        raise InvalidSettings(f"{variable}={path}: the file is empty")
    return text
