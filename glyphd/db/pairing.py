"""Archive and registry contain the same random id, which shows that they belong together."""

from uuid import uuid4

from peewee import Database

from glyphd.db.connections import open_for_migration
from glyphd.db.identity_models import ArchiveIdentity
from glyphd.db.migration_sets import ARCHIVE, REGISTRY, MigrationSet, applied_of, open_to_look
from glyphd.db.registry_models import Job, RegistryIdentity
from glyphd.errors import ArchiveMismatch, NotReady, RegistryLost, SchemaError
from glyphd.plurals import counted
from glyphd.settings import Settings

_NEW_LEDGER = "`glyphd migrate --to registry:0 --drop-data`, then `glyphd init-db --new-ledger`"


Ids = tuple[str | None, str | None]
"""The ids of archive and registry; None for one that has none yet."""

_IDENTITIES: dict[MigrationSet, type[ArchiveIdentity] | type[RegistryIdentity]] = {
    ARCHIVE: ArchiveIdentity,
    REGISTRY: RegistryIdentity,
}


def pair(settings: Settings, ids: Ids, new_id: str | None = None) -> None:
    """Gives archive and registry, which have these ids, the same id: a registry that has none yet
    takes the archive's, an archive that has none takes `new_id` or a random one. Both need their
    schema.

    The caller holds the migration lock, and has the ids from `require_no_mismatch` under it.
    """
    archive_id, known_id = ids
    shared = archive_id or new_id or uuid4().hex
    # The archive first: killed in between, the registry adopts its id at the next start.
    if archive_id is None:
        _write_id(settings, ARCHIVE, shared)
    if known_id is None:
        _write_id(settings, REGISTRY, shared)


def name_archive(settings: Settings, archive_id: str | None = None) -> None:
    """Gives an archive without a registry beside it an id, this or a new one, if it has none."""
    if _read_id(settings, ARCHIVE) is None:
        _write_id(settings, ARCHIVE, archive_id or uuid4().hex)


def archive_id(settings: Settings) -> str | None:
    """The id of the archive; None if there is none or it can't be read."""
    try:
        return _read_id(settings, ARCHIVE)
    except (SchemaError, NotReady):
        return None


def registry_id(settings: Settings) -> str | None:
    """The id of the archive that the registry belongs to."""
    return _read_id(settings, REGISTRY)


def require_no_mismatch(settings: Settings) -> Ids:
    """The ids of archive and registry, each opened once. Changes nothing; raises
    ArchiveMismatch."""
    archive_id, known_id, imports = _read_id(settings, ARCHIVE), None, 0
    if REGISTRY.is_there(settings):
        with open_to_look(settings, REGISTRY) as registry:
            known_id = id_in(registry, REGISTRY)
            imports = _succeeded_imports(registry) if archive_id is None else 0
    if archive_id is None:
        _require_no_other_archive(settings, known_id, imports)
    if archive_id and known_id and archive_id != known_id:
        raise ArchiveMismatch(
            f"{_pair_of(settings)} do not belong together: restore the one that was replaced; if "
            "another archive uses this registry, give this one another name or its own data "
            f"folder; to begin a new registry for this archive: {_NEW_LEDGER}"
        )
    return archive_id, known_id


def require_no_lost_registry(settings: Settings) -> None:
    """A lost registry must not be replaced by a new one while there are kept uploads. Raises
    RegistryLost."""
    if applied_of(settings, REGISTRY):
        return
    count = sum(1 for _ in settings.uploads_dir.glob("*-*-*-*-*.json"))
    if count:
        rebuild = settings.command("rebuild", "--registry")
        begin = settings.command("init-db", "--new-ledger")
        raise RegistryLost(
            f"{settings.uploads_dir.absolute()} has {counted(count, 'kept upload')}, but the "
            f"registry is missing or empty: restore it from a backup, or run `{rebuild}`, which "
            f"recovers them; to begin a new ledger without them: `{begin}`"
        )


def find_mismatch(settings: Settings) -> list[str]:
    """What `require_no_mismatch` raises, as a line."""
    try:
        require_no_mismatch(settings)
    except ArchiveMismatch as error:
        return [error.detail]
    return []


def _require_no_other_archive(settings: Settings, known_id: str | None, imports: int) -> None:
    """A new archive never adopts a registry: it would share it with the archive that the registry
    was made for."""
    if imports:
        raise ArchiveMismatch(
            f"the registry has {counted(imports, 'finished import')}, but the archive is missing "
            "or empty: restore the archive from a backup or rebuild it from the kept files with "
            f"`glyphd rebuild`; to begin a new ledger instead: {_NEW_LEDGER}"
        )
    if known_id is not None:
        raise ArchiveMismatch(
            f"{_pair_of(settings)} do not belong together: the registry belongs to another "
            "archive; give this one another name or its own data folder; if the other archive is "
            f"lost: {_NEW_LEDGER}"
        )


def _pair_of(settings: Settings) -> str:
    if settings.database_url is not None:
        return "archive and registry"
    return (
        f"the archive {settings.archive_path.absolute()} and the registry "
        f"{settings.registry_path.absolute()}"
    )


def id_in(database: Database, steps: MigrationSet) -> str | None:
    """The id that an open archive or registry has."""
    identity = _IDENTITIES[steps]
    if not database.table_exists(identity._meta.table_name):
        return None
    # Only this column: a registry of an earlier version lacks later ones.
    row = database.execute(identity.select(identity.archive_id)).fetchone()
    return str(row[0]) if row else None


def _read_id(settings: Settings, steps: MigrationSet) -> str | None:
    if not steps.is_there(settings):
        return None
    with open_to_look(settings, steps) as database:
        return id_in(database, steps)


def _succeeded_imports(registry: Database) -> int:
    if not registry.table_exists(Job._meta.table_name):
        return 0
    written = (Job.kind == "import") & (Job.status == "succeeded") & ~Job.dry_run
    return int(Job.select().where(written).bind(registry).count())


def _write_id(settings: Settings, steps: MigrationSet, archive_id: str) -> None:
    database = open_for_migration(settings, steps.path(settings))
    with database.connection_context():
        database.execute(_IDENTITIES[steps].insert(archive_id=archive_id))
