"""Finds the registry and uploads of an archive: by their names, or by the archive's id under the
names of version 1.

Version 1 named them after the stem: `gpu.registry.sqlite` belonged to both `gpu.db` and
`gpu.sqlite`.
"""

from collections.abc import Iterator
from pathlib import Path

from glyphd.companions import REGISTRY_ENDING, is_companion_name
from glyphd.db.migration_sets import place_of
from glyphd.db.pairing import archive_id, registry_id
from glyphd.errors import CannotRebuild, NoLedger
from glyphd.settings import Settings

_SQLITE_HEADER = b"SQLite format 3\0"


def find_companions(settings: Settings) -> Settings:
    """Settings with the current names of the archive's companions.

    Raises NoLedger if there is neither an archive nor a registry of its name, CannotRebuild if no
    registry has the archive's id.
    """
    known, own = archive_id(settings), settings.registry_path
    if known is None and own.exists():
        return settings
    if not settings.archive_path.exists():
        raise NoLedger(
            f"there is nothing to rebuild from at {place_of(settings)}: no archive, and no "
            "registry "
            f"{own.name}; name the archive with --db-path or its folder with --data-dir"
        )
    by_name = sorted(settings.folder.glob(f"*.{REGISTRY_ENDING}"))
    for path in (own, *by_name):
        found = _named_after(settings, path)
        if registry_id(found) == known:
            _require_no_other_owner(settings, found, known)
            return found
    raise CannotRebuild(
        f"no registry in {settings.folder.absolute()} belongs to the archive {place_of(settings)}"
    )


def uploads_of(settings: Settings, found: Settings) -> Path:
    """Where the kept files are: under their current name, unless they still have the one of
    `found`."""
    own, old = settings.uploads_dir, found.uploads_dir
    if own == old or not old.exists():
        return own
    if own.exists() and any(own.iterdir()):
        raise CannotRebuild(
            f"{own.absolute()} and {old.absolute()} both have files: move them into the first one"
        )
    return old


def sharing_archives(settings: Settings) -> Iterator[Path]:
    """Other archives in the folder that have the archive's id: with version 1 they shared its
    registry."""
    known = archive_id(settings)
    for path in sorted(settings.archive_path.parent.iterdir()):
        if (
            known is None
            or path == settings.archive_path
            or is_companion_name(path)
            or not _is_sqlite(path)
        ):
            continue
        if archive_id(settings.model_copy(update={"db_path": path})) == known:
            yield path


def _require_no_other_owner(settings: Settings, found: Settings, known: str | None) -> None:
    """If both archives have the registry's id, the one with its name keeps it."""
    if found is settings:
        return
    for owner in (found.archive_path, found.archive_path.with_suffix("")):
        view = settings.model_copy(update={"db_path": owner})
        if owner != settings.archive_path and owner.is_file() and archive_id(view) == known:
            raise CannotRebuild(
                f"{place_of(settings)} shared its registry with {owner.absolute()}, because "
                f"version 1 used one name for both: run `{view.command('rebuild')}`, which gives "
                "that archive the imports of both"
            )


def _named_after(settings: Settings, registry: Path) -> Settings:
    prefix = registry.name.removesuffix(f".{REGISTRY_ENDING}")
    view = {"db_path": registry.with_name(f"{prefix}.sqlite"), "data_dir": settings.folder}
    return settings if registry == settings.registry_path else settings.model_copy(update=view)


def _is_sqlite(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_SQLITE_HEADER)) == _SQLITE_HEADER
