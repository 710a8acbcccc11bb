"""Room on the disk that uploads go to."""

import shutil
from pathlib import Path

from glyphd.errors import StorageFull
from glyphd.settings import Settings


def free_disk_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def require_free_disk(settings: Settings) -> None:
    """Raises StorageFull when uploads would be refused for want of room."""
    if free_disk_bytes(settings.scratch_dir) <= settings.disk_reserve_bytes:
        raise StorageFull("the disk is nearly full: uploads are refused")
