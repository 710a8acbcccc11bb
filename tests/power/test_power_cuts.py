"""Cuts the power just after a promise: a service that is restarted on the remaining data keeps it.

Real processes on a real block device. GLYPHD_TEST_POWER_CUT_FILES=50 sends more files than the
usual two.
"""

import os
from pathlib import Path

import pytest

from tests.power.cuts import faults_after, lost_uploads, record
from tests.power.devices import why_there_is_none

FILES = int(os.environ.get("GLYPHD_TEST_POWER_CUT_FILES", "2"))


@pytest.fixture(autouse=True)
def loop_devices(tmp_path: Path) -> None:
    reason = why_there_is_none(tmp_path)
    if reason:
        pytest.skip(f"POWER CUTS ARE NOT TESTED HERE: {reason}")


def test_nothing_promised_before_a_power_cut_is_lost(tmp_path: Path) -> None:
    images = record(tmp_path, FILES)
    assert len(images) == 2 * FILES
    assert [fault for image in images for fault in faults_after(image, tmp_path)] == []


def test_an_image_lacks_what_was_not_synced(tmp_path: Path) -> None:
    """A control test: a service whose syncs do nothing loses its upload."""
    images = record(tmp_path, 1, runner=("tests.power.unsynced",))
    assert lost_uploads(images[0], tmp_path) != []
