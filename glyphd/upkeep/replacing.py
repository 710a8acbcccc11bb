"""`glyphd rebuild` in place: the new archive replaces the old one, with its companions under their
own names.

The old archive stays until the new one takes its name, as the last step, which is atomic. If the
command is killed before, it is simply run again. Replaced files are set aside; only files that a
service recreates are removed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from glob import escape
from pathlib import Path
from shutil import rmtree

from peewee import DatabaseError

from glyphd.companions import (
    BELL_ENDING,
    MIGRATE_LOCK_ENDING,
    REBUILDING_ENDING,
    SQLITE_ENDINGS,
    companion,
)
from glyphd.db.archive_models import ImportBatch
from glyphd.db.connections import SqliteFile, open_archive_to_verify
from glyphd.db.migration_locks import migration_lock
from glyphd.db.migration_sets import (
    ARCHIVE,
    REGISTRY,
    applied_of,
    require_current_schema,
    require_there,
)
from glyphd.db.migrations import initialise_archive, migrate
from glyphd.db.pairing import registry_id
from glyphd.errors import CannotRebuild, NotReady, SchemaError, SchemaOutdated
from glyphd.plurals import counted
from glyphd.private_files import make_folder, sync_folder
from glyphd.scratch import use_scratch_folder
from glyphd.settings import Settings, settings_of_file
from glyphd.upkeep.backup import copy_database
from glyphd.upkeep.belongings import find_companions, sharing_archives, uploads_of
from glyphd.upkeep.rebuild import Rebuilt, refill, require_no_worker
from glyphd.upkeep.upload_copies import Progress
from glyphd.uploads import LocalUploads, UploadStore
from glyphd.uploads.opening import open_own_uploads


def rebuild_in_place(settings: Settings, progress: Progress) -> tuple[Rebuilt, list[Path]]:
    """Rebuilds the archive in place; returns its contents, and the folders with the replaced files.

    Raises CannotRebuild while a service uses the files, and what `Rebuilder.run` raises; then
    nothing has changed.
    """
    old = find_companions(settings)
    with migration_lock(settings), _workplace(settings) as work:
        known = _require_unused(settings, old)
        use_scratch_folder(settings)
        source = _with_current_registry(settings, old, work)
        rebuilt = _fill(work, source, _uploads_in(settings, old), progress)
        rebuilt.notes += _notes(settings)
        if _require_unused(settings, old) - known:
            raise CannotRebuild(
                "imports succeeded meanwhile: stop the service, then run this again"
            )
        return rebuilt, _take_places(settings, old, work)


def rebuild_elsewhere(settings: Settings, into: Path, progress: Progress) -> Rebuilt:
    """Builds a SQLite archive at `into`, which must not exist; the service's own archive is not
    changed.

    Raises what `Rebuilder.run` raises; the incomplete new archive is then removed.
    """
    if into.exists():
        raise CannotRebuild(f"{into} already exists: name a path where there is nothing yet")
    _refuse_version_1(settings)
    require_there(settings, [REGISTRY])
    require_current_schema(settings, [REGISTRY])
    target = settings_of_file(into)
    use_scratch_folder(settings)
    try:
        return _fill(target, settings, open_own_uploads(settings), progress)
    except BaseException:
        for path in (
            into,
            *(Path(f"{into}{ending}") for ending in SQLITE_ENDINGS),
            target.beside(MIGRATE_LOCK_ENDING),
        ):
            path.unlink(missing_ok=True)
        raise


def _refuse_version_1(settings: Settings) -> None:
    """An archive of version 1 must be replaced together with its registry. A damaged one is
    allowed."""
    try:
        applied_of(settings, ARCHIVE)
    except SchemaOutdated:
        raise
    except (SchemaError, NotReady):
        return


def _uploads_in(settings: Settings, old: Settings) -> UploadStore:
    """The kept files, under the name that a folder still has."""
    if settings.upload_url is not None:
        return open_own_uploads(settings)
    return LocalUploads(uploads_of(settings, old))


def _fill(target: Settings, source: Settings, uploads: UploadStore, progress: Progress) -> Rebuilt:
    """Builds the archive of `target` from the registry of `source`."""
    initialise_archive(target, registry_id(source))
    return refill(target, source, uploads, progress)


@contextmanager
def _workplace(settings: Settings) -> Iterator[Settings]:
    """Settings for the new files while they are built, beside the files that they will replace."""
    archive = settings.archive_path.with_name(f"{settings.archive_path.name}.{REBUILDING_ENDING}")
    own = {"db_path": archive, "data_dir": settings.folder}
    try:
        _clear(archive, settings.folder)
        yield settings.model_copy(update=own)
    finally:
        _clear(archive, settings.folder)


def _clear(archive: Path, folder: Path) -> None:
    for path in {
        *archive.parent.glob(f"{escape(archive.name)}*"),
        *folder.glob(f"{escape(archive.name)}*"),
    }:
        rmtree(path) if path.is_dir() else path.unlink()


def _require_unused(settings: Settings, old: Settings) -> set[str]:
    """The imports that the registry calls succeeded. Raises CannotRebuild while a process has the
    databases open."""
    succeeded = require_no_worker(old)
    for path in (settings.archive_path, old.registry_path):
        # The last process to close a database removes its log: a remaining log belongs to another
        # process.
        if _was_opened(path) and Path(f"{path}-wal").exists():
            raise CannotRebuild(f"{path.absolute()} is in use: stop the service first")
    return succeeded


def _was_opened(path: Path) -> bool:
    """Opens and closes a database; False for one that is missing or damaged."""
    database = SqliteFile(path, mode="look", pragmas={})
    try:
        with database.connection_context():
            database.get_tables()
    except (DatabaseError, NotReady):
        return False
    return True


def _with_current_registry(settings: Settings, old: Settings, work: Settings) -> Settings:
    """Settings with a registry that has this version's schema: a copy, unless the registry can stay
    as and where it is."""
    if (
        old.registry_path == settings.registry_path
        and applied_of(old, REGISTRY) == REGISTRY.packaged()
    ):
        return settings
    wrong = list(copy_database("registry", old.registry_path, work.registry_path))
    if wrong:
        raise CannotRebuild(wrong[0])
    migrate(work, f"{REGISTRY.name}:{len(REGISTRY.packaged())}")
    return work


def _notes(settings: Settings) -> Iterator[str]:
    """Notes on what only the old archive has, and on what the new one additionally has."""
    for path in sharing_archives(settings):
        yield f"{path.absolute()} shared this registry: the imports of both are in the new archive"
    archive = open_archive_to_verify(settings)
    by_library = ImportBatch.select(ImportBatch.import_id).where(ImportBatch.sha256.is_null())
    try:
        with archive.connection_context():
            count = len(archive.execute(by_library).fetchall())
    except (DatabaseError, NotReady):
        return
    if count:
        yield (
            f"only the old archive has {counted(count, 'import')} written through the library, "
            "without a kept file"
        )


def _take_places(settings: Settings, old: Settings, work: Settings) -> list[Path]:
    """Returns the folders with the replaced files. After each step the command can be run again;
    the archive comes last.
    """
    ending = f"replaced-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    uploads = uploads_of(settings, old)
    # 1. The kept files get their own name.
    if uploads != settings.uploads_dir:
        if settings.uploads_dir.exists():
            settings.uploads_dir.rmdir()
        uploads.rename(settings.uploads_dir)
        sync_folder(settings.folder)
    aside = {settings.beside(ending), companion(settings.archive_path, ending)}
    # 2. The registry, if it was copied to be migrated.
    if work.registry_path.exists():
        _replace(
            old.registry_path, settings.beside(ending), work.registry_path, settings.registry_path
        )
        for path in settings.uploads_dir.glob("*"):
            path.chmod(0o600)  # version 1 left the files with row errors readable for all
    # 3. The archive.
    _replace(
        settings.archive_path,
        companion(settings.archive_path, ending),
        work.archive_path,
        settings.archive_path,
    )
    # 4. Files that are left under old names, and are recreated under the new ones.
    if old is not settings and not old.archive_path.exists():
        _remove_disposable(old)
    return sorted(folder for folder in aside if folder.exists())


def _replace(old: Path, aside: Path, new: Path, place: Path) -> None:
    """Sets `old`, if it exists, aside with its logs, and moves `new` into its place, so that one of
    them exists at any moment."""
    if old.exists():
        make_folder(aside)
        _link(old, aside / old.name)
        for ending in SQLITE_ENDINGS:
            log = Path(f"{old}{ending}")
            if log.exists():
                log.rename(aside / log.name)
        sync_folder(aside)
    new.replace(place)
    sync_folder(place.parent)
    if old != place:
        old.unlink(missing_ok=True)


def _link(old: Path, new: Path) -> None:
    try:
        new.hardlink_to(old)
    except OSError:
        old.rename(new)  # not every file system has hard links


def _remove_disposable(old: Settings) -> None:
    queue = old.queue_path
    files = [queue, *(Path(f"{queue}{ending}") for ending in SQLITE_ENDINGS)]
    files += [old.beside(BELL_ENDING), old.beside(MIGRATE_LOCK_ENDING)]
    for path in files:
        path.unlink(missing_ok=True)
    for folder in (old.locks_dir, old.scratch_dir):
        rmtree(folder, ignore_errors=True)
