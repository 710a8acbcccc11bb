"""The files and folders beside an archive, each named after it so that no other archive has the
same ones."""

from pathlib import Path

REGISTRY_ENDING = "registry.sqlite"
QUEUE_ENDING = "queue.sqlite"
UPLOADS_ENDING = "uploads"
LOCKS_ENDING = "locks"
SCRATCH_ENDING = "tmp"
MIGRATE_LOCK_ENDING = "migrate.lock"
BELL_ENDING = f"{QUEUE_ENDING}.bell"
REBUILDING_ENDING = "rebuilding"
"""The ending of an archive while it is rebuilt; it has its own companions."""

ENDINGS = (
    REGISTRY_ENDING,
    QUEUE_ENDING,
    BELL_ENDING,
    UPLOADS_ENDING,
    LOCKS_ENDING,
    SCRATCH_ENDING,
    MIGRATE_LOCK_ENDING,
    REBUILDING_ENDING,
)
SQLITE_ENDINGS = ("-wal", "-shm", "-journal")
"""What SQLite appends to the name of a database file for its own files."""

_RESERVED = (*(f".{ending}" for ending in ENDINGS), *SQLITE_ENDINGS)


def companion(archive: Path, ending: str, *, folder: Path | None = None) -> Path:
    """The archive's companion with this ending, in the archive's own folder or in another one.

    `gpu.sqlite` has `gpu.registry.sqlite`; every other archive keeps its whole name: `gpu.db` has
    `gpu.db.registry.sqlite`. Two archives can still need the same companions (`gpu` and
    `gpu.sqlite`, or two archives with the same name that share a data folder). Then the second one
    is refused, because the registry has the id of the first.
    """
    name = archive.stem if archive.suffix == ".sqlite" else archive.name
    return (folder or archive.parent) / f"{name}.{ending}"


def require_archive_name(path: Path) -> None:
    """Raises ValueError for a path that can't be an archive's: without a name, or with the name of
    a companion."""
    if path.name in ("", ".."):
        raise ValueError("must name a file")
    if is_companion_name(path):
        raise ValueError(
            f"must not end with {', '.join(_RESERVED)}: a file of another archive may have that "
            "name"
        )


def is_companion_name(path: Path) -> bool:
    """Whether a file of this name belongs to some archive."""
    return path.name.lower().endswith(_RESERVED)
