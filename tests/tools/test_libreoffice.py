"""LibreOffice opens the CSV: text, numbers and line ends are unchanged."""

import csv
import shutil
import subprocess
from pathlib import Path
from urllib.request import urlretrieve

import pytest

from tests.tools.conftest import ROWS

OFFICE = shutil.which("soffice") or shutil.which("libreoffice")
COMMA, QUOTE, UTF_8 = 44, 34, 76
SECONDS = 180


@pytest.mark.skipif(
    OFFICE is None,
    reason="LIBREOFFICE IS MISSING: its import of our CSV is not tested "
    "(Debian: apt-get install libreoffice-calc-nogui)",
)
@pytest.mark.parametrize("query", ["", "&bom=true"])
def test_it_reads_what_was_sent(listings: str, tmp_path: Path, query: str) -> None:
    sent = tmp_path / "listings.csv"
    urlretrieve(f"{listings}csv&fields=model,price_usd,seller,title,seen_at{query}", sent)
    options = f"{COMMA},{QUOTE},{UTF_8}"
    subprocess.run(
        [
            str(OFFICE),
            f"-env:UserInstallation=file://{tmp_path}/profile",
            "--headless",
            f"--infilter=CSV:{options}",
            "--convert-to",
            f"csv:Text - txt - csv (StarCalc):{options}",
            "--outdir",
            str(tmp_path / "out"),
            str(sent),
        ],
        check=True,
        capture_output=True,
        timeout=SECONDS,
    )
    before, after = (_rows(file) for file in (sent, tmp_path / "out" / "listings.csv"))
    assert len(after) == ROWS
    for old, new in zip(before, after, strict=True):
        assert float(new["price_usd"]) == float(old["price_usd"])
        for name in ("model", "seller", "title"):
            assert new[name] == old[name]


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))
