"""The wheel as a user installs it: in a fresh environment, with the locked runtime dependencies and
nothing else."""

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from zipfile import ZipFile

import pytest

from tests.e2e.processes import PATIENCE_SECONDS, final_status, many_offers, upload

ROOT = Path(__file__).parents[2]


def test_an_installed_wheel_serves_and_imports(tmp_path: Path) -> None:
    python = _install(tmp_path)
    environment = {"PATH": os.environ["PATH"], "GLYPHD_DATA_DIR": str(tmp_path / "data")}
    command = [str(python.with_name("glyphd")), "serve", "--port", "0"]
    with subprocess.Popen(
        command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as popen:
        try:
            assert popen.stdout is not None
            found = re.search(r"http://\S+", popen.stdout.readline())
            assert found
            accepted = upload(found[0], many_offers(10))
            assert final_status(found[0], accepted["import_id"])["record_count"] == 10
            page = _read(found[0], "/")
            assert "RTX_4090" in page
            for file in ("style.css", "page.js", "scored_sample.csv"):
                assert _read(
                    found[0], re.sub(r"[^/]+$", file, re.findall(r"/static/[^\"]+", page)[0])
                )
            with pytest.raises(HTTPError) as missing:
                _read(found[0], "/api/listings?format=parquet")
            with missing.value as answer:
                assert answer.code == 501, "the extra is not among the runtime's dependencies"
        finally:
            popen.terminate()
        assert popen.wait(PATIENCE_SECONDS) == 0


def _read(address: str, path: str) -> str:
    with urlopen(
        Request(f"{address}{path}", headers={"Accept": "text/html"}), timeout=PATIENCE_SECONDS
    ) as answer:
        text: str = answer.read().decode()
        return text


def _install(folder: Path) -> Path:
    """Installs the wheel into a new environment; returns the path of its Python."""
    _call(
        sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)
    )
    (wheel,) = folder.glob("*.whl")
    with ZipFile(wheel) as packed:
        tops = {name.partition("/")[0] for name in packed.namelist()}
    assert {name for name in tops if not name.endswith(".dist-info")} == {"glyphd", "worker"}
    _call(sys.executable, "-m", "venv", str(folder / "venv"))
    python = folder / "venv" / "bin" / "python"
    pip = (str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    _call(*pip, "--require-hashes", "--requirement", str(ROOT / "requirements" / "runtime.lock"))
    _call(*pip, "--no-deps", str(wheel))
    return python


def _call(*command: str) -> None:
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
