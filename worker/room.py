"""Room for an import on the disk: what it stages and writes leaves the reserve alone."""

import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from peewee import Database

from glyphd.db.dialects import is_sqlite
from glyphd.errors import ImportTooLarge, StorageFull
from glyphd.settings import MIB, Settings
from worker.passing import NO_ROOM_BESIDE_RESERVE, is_for_want_of_room

_SMALL_SHARE = 8
"""An import that takes no more than this part of the reserve may have it: uploads leave it free for
that."""

_LARGE_SHARE = 2
"""An import that fills this part of all that the disk can offer does not wait for others to make
room."""


class Room:
    """The room that one attempt may use. PostgreSQL keeps its rows on a disk that can't be seen
    from here."""

    def __init__(self, settings: Settings, archive: Database) -> None:
        self._settings = settings
        self._archive = archive
        self._folders = (
            {settings.scratch_dir, settings.archive_path.parent} if is_sqlite(archive) else set()
        )

    def require(self, *, copies: int = 0) -> None:
        """Makes sure that the reserve stays free, also when so many copies of the stage are still
        to be written.

        Raises StorageFull when others have to make room, and ImportTooLarge when that could not
        help.
        """
        for folder in self._folders:
            free = shutil.disk_usage(folder).free
            if free <= self._settings.disk_reserve_bytes or copies:
                self._require_on(folder, free, copies)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Raises ImportTooLarge in place of an error for want of room in the block, when no room
        could be enough."""
        try:
            yield
        except Exception as error:
            if is_for_want_of_room(error):
                for folder in self._folders:
                    self._require_fit(folder, self._staged_bytes())
            raise

    def _require_on(self, folder: Path, free: int, copies: int) -> None:
        staged = self._staged_bytes()
        needed = staged * copies
        if free - needed > self._settings.disk_reserve_bytes or self._is_small(staged + needed):
            return
        self._require_fit(folder, staged + needed)
        raise StorageFull(NO_ROOM_BESIDE_RESERVE)

    def _require_fit(self, folder: Path, needed: int) -> None:
        if not self._is_small(needed) and needed > self._most_bytes(folder) // _LARGE_SHARE:
            size = f"at least {math.ceil(needed / MIB)} MiB for its rows"
            raise ImportTooLarge(
                f"the import does not fit on the disk: it needs {size}; retry it on a larger disk"
            )

    def _is_small(self, needed: int) -> bool:
        return needed <= self._settings.disk_reserve_bytes // _SMALL_SHARE

    def _staged_bytes(self) -> int:
        (pages,) = self._archive.execute_sql("PRAGMA temp.page_count").fetchone()
        (page_bytes,) = self._archive.execute_sql("PRAGMA temp.page_size").fetchone()
        return int(pages) * int(page_bytes)

    def _most_bytes(self, folder: Path) -> int:
        """What the disk could offer if nothing but the reserve and what glyphd keeps for ever were
        on it."""
        settings = self._settings
        kept = [
            *settings.archive_path.parent.glob(f"{settings.archive_path.name}*"),
            settings.registry_path,
        ]
        kept_bytes = sum(path.stat().st_size for path in kept if path.exists())
        if settings.uploads_dir.exists():
            with os.scandir(settings.uploads_dir) as uploads:
                kept_bytes += sum(upload.stat().st_size for upload in uploads)
        return max(0, shutil.disk_usage(folder).total - settings.disk_reserve_bytes - kept_bytes)
