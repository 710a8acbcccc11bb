"""Archives to show on pages, and the paths of all pages."""

from pathlib import Path
from typing import Any

import pytest

from tests.service import Service, start_in
from tests.web.browsing import Browser

SAMPLES = Path(__file__).parents[2] / "sample"
MENDED = {'"$1,299.00"': "1299.00", ",nan,": ",0.5,", ",yesterday,": ",2025-07-25,"}
"""The errors in the broken sample, and their corrections."""


def mended(report: str) -> str:
    """The report, with its errors corrected."""
    for wrong, right in MENDED.items():
        assert wrong in report
        report = report.replace(wrong, right)
    return report


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory, initialised_folder: Path) -> Service:
    """The three samples, of two sources, for pages that only read."""
    service = start_in(tmp_path_factory.mktemp("pages") / "data", initialised_folder)
    for name, source in (
        ("scored_sample", "weekly"),
        ("scored_sample_v1", "daily"),
        ("scored_sample_v2", "daily"),
    ):
        status = service.import_csv((SAMPLES / f"{name}.csv").read_bytes(), f"?source={source}")
        assert status["status"] == "succeeded"
    return service


@pytest.fixture
def browser(archive: Service) -> Browser:
    return Browser(archive)


@pytest.fixture
def listing(archive: Service) -> dict[str, Any]:
    """A listing with two prices."""
    delta: dict[str, Any] = archive.http.get("/api/deltas?limit=1").json[0]
    return delta
