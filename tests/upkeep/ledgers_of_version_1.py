"""Data folders of version 1, packed, and what version 2 makes of them."""

import tarfile
from pathlib import Path

from click.testing import CliRunner, Result

from glyphd.cli import main

LEDGERS = Path(__file__).parents[1] / "data" / "version_1"
ARCHIVES = ("gpu.sqlite", "gpu.db")
EVENTS = 7
"""Rows that version 2 accepts from the five imports that it does not refuse."""

REFUSED = (
    "the row contract now accepts 1 of its 2 rows, and accepted 2 before; ",
    "the row contract now refuses its file (a column appears twice: ",
)
"""The messages about the two imports that version 2 reads differently: one is in euros, one has a
column twice."""


def unpack(name: str, folder: Path) -> Path:
    """Unpacks a data folder of version 1; returns the path of its archive."""
    with tarfile.open(LEDGERS / f"{name}.tar.gz") as packed:
        packed.extractall(folder, filter="tar")
    return folder / "data" / name


def invoke(*arguments: str | Path, **environment: str) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], env=environment)
