"""Disasters in a running service."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from glyphd.settings import MIB, Settings
from tests.chaos import disasters
from tests.chaos.disks import SmallDisk, small_disk

DISK_BYTES = 32 * MIB


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", DISK_BYTES) as mounted:
        yield mounted


def test_a_full_disk_refuses_uploads_and_leaves_nothing_behind(
    disk: SmallDisk, tmp_path: Path
) -> None:
    disasters.full_disk_while_receiving(disk, tmp_path)


def test_a_full_disk_hands_an_import_back_until_there_is_room(
    disk: SmallDisk, tmp_path: Path
) -> None:
    disasters.full_disk_while_importing(disk, tmp_path)


def test_an_import_larger_than_the_disk_fails_for_that_and_hinders_nobody(
    disk: SmallDisk, tmp_path: Path
) -> None:
    disasters.import_larger_than_the_disk(disk, tmp_path)


def test_a_locked_archive_makes_imports_wait_and_uploads_not(
    sqlite_settings: Settings, tmp_path: Path
) -> None:
    disasters.locked_archive(sqlite_settings, tmp_path)


def test_a_vanished_queue_loses_nothing(sqlite_settings: Settings, tmp_path: Path) -> None:
    disasters.vanished_queue(sqlite_settings, tmp_path)


def test_a_clock_that_jumps_reorders_nothing_and_stalls_nothing(
    sqlite_settings: Settings, tmp_path: Path
) -> None:
    disasters.jumping_clock(sqlite_settings, tmp_path)
