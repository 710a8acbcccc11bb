"""A backup of a service on PostgreSQL: a dump of the database, with the kept files beside it.

The dump and the list of files come from one snapshot. The files are copied after it: an upload is
complete before its import is in the registry, so every file that the dump refers to exists.
"""

import fcntl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from glyphd.db.dialects import snapshot
from glyphd.db.pairing import archive_id
from glyphd.db.postgres_sessions import open_postgres
from glyphd.db.registry_models import Job
from glyphd.errors import CannotBackUp
from glyphd.importing.registry import Registry
from glyphd.private_files import FOR_OWNER, make_folder, sync_folder
from glyphd.settings import Settings
from glyphd.upkeep.postgres_tools import dump, find_tools
from glyphd.upkeep.upload_copies import (
    UNFINISHED,
    BackedUp,
    Progress,
    UploadCopies,
    imports_of,
    require_complete,
)
from glyphd.uploads import LocalUploads
from glyphd.uploads.opening import open_own_uploads

DUMP_ENDING = "dump"
OWNER_NAME = "archive-id"
"""The file with the id of the backed-up archive."""

_OTHER_SCHEMAS = r"""
SELECT nspname FROM pg_namespace
WHERE nspname NOT LIKE 'pg\_%%' AND nspname NOT IN ('information_schema', current_schema())"""


def back_up_postgres(settings: Settings, folder: Path, progress: Progress) -> BackedUp:
    """Dumps the database into the folder, and copies the kept files that it does not have yet.

    The folder must be new, be empty or have an earlier backup of the same archive. Its dump is
    replaced when the new one is complete and verified, and all files are there.

    Raises CannotBackUp for another folder, without the server's tools, and for missing or damaged
    originals, all of which it names. The new dump then stays in the folder's UNFINISHED.
    """
    with _claimed(folder, archive_id(settings)):
        unfinished = folder / UNFINISHED
        make_folder(unfinished)
        made = settings.beside(DUMP_ENDING).name
        # 1. The database, and the imports in it.
        jobs = _dump(settings, unfinished / made)
        # 2. Their files, straight to their place: a backup with more files than its dump refers to
        #    is still one.
        kept = LocalUploads(folder / settings.uploads_dir.name)
        copies = UploadCopies(open_own_uploads(settings), kept)
        require_complete(unfinished, copies.run(jobs, progress))
        # 3. The dump, which makes the folder a backup.
        (unfinished / made).rename(folder / made)
        unfinished.rmdir()
        sync_folder(folder)
        return copies.done


def _dump(settings: Settings, path: Path) -> list[Job]:
    """The imports in the dump at this path."""
    with (
        closing(open_postgres(settings)) as database,
        database.connection_context(),
        snapshot(database),
    ):
        connection = database.connection()
        tools = find_tools(connection.info.server_version)
        (name,) = database.execute_sql("SELECT pg_export_snapshot()").fetchone()
        others = [schema for (schema,) in database.execute_sql(_OTHER_SCHEMAS).fetchall()]
        jobs = imports_of(Registry(database))
        path.touch(FOR_OWNER)
        dump(tools, connection.info, path, snapshot=name, other_schemas=others)
        return jobs


@contextmanager
def _claimed(folder: Path, owner: str | None) -> Iterator[None]:
    """Reserves the folder for this archive, and for one backup at a time."""
    marker = folder / OWNER_NAME
    is_in_use = folder.exists() and any(folder.iterdir())
    if is_in_use and not (marker.exists() and marker.read_text().strip() == owner):
        raise CannotBackUp(f"{folder} is not empty, and not an earlier backup of this archive")
    make_folder(folder)
    with marker.open("a+") as file:
        marker.chmod(FOR_OWNER)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotBackUp(f"another backup into {folder} is running") from None
        marker.write_text(f"{owner}\n")
        yield
