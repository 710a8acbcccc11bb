"""Disk space for an import: what it stages and writes must not use up the reserve."""

import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from peewee import Database

from glyphd.db.dialects import is_sqlite
from glyphd.errors import ImportTooLarge, StorageFull
from glyphd.services import Services
from glyphd.settings import MIB
from worker.passing import NO_ROOM_BESIDE_RESERVE, is_for_want_of_room

_SMALL_SHARE = 8
"""An import can use this part of the reserve, which uploads leave free for it."""

_LARGE_SHARE = 2
"""An import that needs more than this part of the available disk does not wait for others to free
space."""


class Room:
    """The space that one attempt can use. PostgreSQL stores its rows on a disk that the worker
    can't see."""

    def __init__(self, services: Services, archive: Database) -> None:
        self._settings = services.settings
        self._archive = archive
        self._folders: set[Path] = set()
        if is_sqlite(archive):
            self._folders = {services.scratch.folder, services.settings.archive_path.parent}

    def require(self, *, copies: int = 0) -> None:
        """Makes sure that the reserve stays free, even if this many copies of the stage must still
        be written.

        Raises StorageFull if others must free space, and ImportTooLarge if that would not be
        enough.
        """
        for folder in self._folders:
            free = shutil.disk_usage(folder).free
            if free <= self._settings.disk_reserve_bytes or copies:
                self._require_on(folder, free, copies)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Raises ImportTooLarge instead of a disk-full error in the block, if no amount of free
        space could be enough."""
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
        """The available space if the disk had only the reserve and glyphd's permanent files."""
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
