"""Where the data is: the archive on SQLite, and the files that are named after it."""

import shlex
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

from glyphd.companions import (
    LOCKS_ENDING,
    QUEUE_ENDING,
    REGISTRY_ENDING,
    SCRATCH_ENDING,
    UPLOADS_ENDING,
    companion,
    require_archive_name,
)


class DataPlaces(BaseSettings):
    """The part of the settings that chooses folders and files."""

    data_dir: Path = Field(Path("data"), description="Folder for all data")
    db_path: Path | None = Field(
        None, description="The archive; default gpu.sqlite in the data folder"
    )

    @field_validator("db_path")
    @classmethod
    def _names_an_archive(cls, value: Path | None) -> Path | None:
        if value is not None:
            require_archive_name(value)
        return value

    @property
    def archive_path(self) -> Path:
        """The SQLite archive; all other files are named after it."""
        return self.db_path or self.data_dir / "gpu.sqlite"

    @property
    def folder(self) -> Path:
        """Where registry, queue, uploads, locks and scratch files are: `data_dir`, else beside the
        archive."""
        if "data_dir" in self.model_fields_set or self.db_path is None:
            return self.data_dir
        return self.db_path.parent

    def beside(self, ending: str) -> Path:
        """`gpu.uploads` for `uploads`: a path in the folder, named after the archive."""
        return companion(self.archive_path, ending, folder=self.folder)

    @property
    def registry_path(self) -> Path:
        return self.beside(REGISTRY_ENDING)

    @property
    def queue_path(self) -> Path:
        return self.beside(QUEUE_ENDING)

    @property
    def uploads_dir(self) -> Path:
        return self.beside(UPLOADS_ENDING)

    @property
    def locks_dir(self) -> Path:
        return self.beside(LOCKS_ENDING)

    @property
    def scratch_dir(self) -> Path:
        return self.beside(SCRATCH_ENDING)

    def command(self, *command: str) -> str:
        """A `glyphd` command for people to type, with the flags that select this data."""
        words = ["glyphd", *command]
        if self.db_path is not None:
            words += ["--db-path", str(self.db_path)]
        if (
            "data_dir" in self.model_fields_set
            and self.folder / self.archive_path.name != self.db_path
        ):
            words += ["--data-dir", str(self.folder)]
        return shlex.join(words)
