"""Opens the upload store of the settings, and checks that it is this archive's."""

from glyphd.db.connections import close_all, open_registry_to_look
from glyphd.db.migration_sets import REGISTRY, applied_of
from glyphd.db.migrations import initialise
from glyphd.db.pairing import archive_id, require_no_mismatch
from glyphd.db.registry_models import Job
from glyphd.errors import BucketMismatch, InvalidSettings, RegistryLost
from glyphd.plurals import counted
from glyphd.settings import Settings
from glyphd.uploads.local import LocalUploads
from glyphd.uploads.store import SharedStore, UploadStore

_MANUAL = "docs/BUCKETS.md says how"


def open_uploads(settings: Settings) -> UploadStore:
    """The store of these settings, not opened yet. Raises InvalidSettings without the extra that a
    bucket needs."""
    return _open_bucket(settings) or LocalUploads(settings.uploads_dir)


def open_own_uploads(settings: Settings) -> UploadStore:
    """The store of an existing ledger. Raises BucketMismatch if it belongs to another one."""
    bucket = _open_bucket(settings)
    if bucket is None:
        return LocalUploads(settings.uploads_dir)
    marked, known = bucket.marked_id(), archive_id(settings)
    if known is not None and marked != known:
        raise _mismatch(settings, marked)
    return bucket


def prepare_ledger(settings: Settings, *, registry_may_be_lost: bool = False) -> None:
    """Like `initialise`, but also checks that a bucket is this archive's: a new archive marks an
    empty one.

    Raises what `initialise` raises, UploadsUnavailable, and BucketMismatch or RegistryLost before
    anything is created. Many processes can call it at the same time.
    """
    bucket = _open_bucket(settings)
    if bucket is None:
        initialise(settings, registry_may_be_lost=registry_may_be_lost)
        return
    marked, known = bucket.marked_id(), next(filter(None, require_no_mismatch(settings)), None)
    if marked is None:
        reason = _why_unfit(settings, bucket)
        # It may have been marked meanwhile, and an upload accepted.
        if reason is not None and bucket.marked_id() is None:
            raise BucketMismatch(reason)
    elif known not in (None, marked):
        raise _mismatch(settings, marked)
    elif not registry_may_be_lost and not applied_of(settings, REGISTRY):
        raise _lost(settings)
    initialise(settings, registry_may_be_lost=registry_may_be_lost, archive_id=marked)
    own = archive_id(settings)
    if marked is None and own is not None:
        # Another process may have marked it meanwhile.
        marked = bucket.mark(own)
    if marked != own:
        raise _mismatch(settings, marked)


def _open_bucket(settings: Settings) -> SharedStore | None:
    if settings.upload_url is None:
        return None
    try:
        from glyphd.uploads.bucket import BucketUploads
    except ModuleNotFoundError:
        raise InvalidSettings(
            "GLYPHD_UPLOAD_URL needs a package that is not installed: "
            "pip install 'glyphd[object-storage]'"
        ) from None
    return BucketUploads(settings.upload_url, settings.uploads_dir)


def _why_unfit(settings: Settings, bucket: SharedStore) -> str | None:
    """Why a bucket without a marker can't become this archive's. It must be empty, or have copies
    of the files in this registry."""
    kept, known = set(bucket.names()), _manifests_known(settings)
    if kept and not kept & known:
        return (
            f"{settings.upload_url} is not empty and nothing says that it is this archive's: "
            "choose an empty prefix"
        )
    if known and not kept:
        return (
            f"{settings.upload_url} is empty, but the registry has {counted(len(known), 'import')}"
            f": correct the URL, or copy the kept files there first; {_MANUAL}"
        )
    return None


def _manifests_known(settings: Settings) -> set[str]:
    """The names of the manifests of all imports in the registry, if there is one."""
    if not applied_of(settings, REGISTRY):
        return set()
    registry = open_registry_to_look(settings)
    try:
        with registry.connection_context():
            found = registry.execute(Job.select(Job.import_id).where(Job.kind == "import"))
            return {f"{import_id}.json" for (import_id,) in found}
    finally:
        close_all(registry)


def _mismatch(settings: Settings, marked: str | None) -> BucketMismatch:
    whose = "another archive" if marked else "no archive"
    return BucketMismatch(
        f"{settings.upload_url} has the uploads of {whose}, not of this one: correct the URL, or "
        "choose an empty prefix for a new archive"
    )


def _lost(settings: Settings) -> RegistryLost:
    return RegistryLost(
        f"{settings.upload_url} has the uploads of an archive, but the registry is missing or "
        f"empty: restore it from a backup, or run `{settings.command('rebuild', '--registry')}`, "
        "which recovers them; to begin a new ledger, choose an empty prefix"
    )
