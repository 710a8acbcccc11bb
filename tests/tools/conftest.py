"""A running service with listings that have gaps in their columns, for the tools of analysts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents import ROOT
from tests.e2e.processes import data_in, final_status, serving, upload

ROWS = 240
SOURCE = "tools"
HEADER = "model,price_usd,score,quantity,vram_gb,nvlink,title,heuristics,seen_at,seller\n"


def row(number: int) -> str:
    """One offer. The latest 120 have no title and no heuristics, so that types guessed from the
    first hundred rows can be wrong."""
    is_old = number < ROWS // 2
    optional = f"{number},{48 + number % 2 * 32},true" if number % 2 else ",48,"
    title = f'"Card, ""no. {number}"""' if is_old else ""
    heuristics = f'"{{""rank"": {number}}}"' if is_old else ""
    minute = f"2025-07-{1 + number // 60:02}T12:{number % 60:02}:00.{number:06}Z"
    cells = (f"RTX_{number % 4}", f"{1000 + number}.5", f"0.{number:03}", optional)
    return ",".join((*cells, title, heuristics, minute, f"Größe {number}")) + "\n"


@pytest.fixture(scope="module")
def archive_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The path of the service's archive."""
    return tmp_path_factory.mktemp("tools") / "data" / "gpu.sqlite"


@pytest.fixture(scope="module")
def address(archive_file: Path) -> Iterator[str]:
    """The address of the service."""
    with serving(environment=data_in(archive_file.parent)) as api:
        own = (HEADER + "".join(map(row, range(ROWS)))).encode()
        samples = ("scored_sample_v1.csv", "scored_sample_v2.csv")
        for csv in (*((ROOT / "sample" / name).read_bytes() for name in samples), own):
            source = SOURCE if csv is own else "samples"
            import_id = upload(api.address, csv, f"?source={source}")["import_id"]
            assert final_status(api.address, import_id)["status"] == "succeeded"
        yield api.address


@pytest.fixture(scope="module")
def listings(address: str) -> str:
    """The URL of the rows of the last file, latest first; the format must be appended."""
    return f"{address}/api/listings?source={SOURCE}&format="
