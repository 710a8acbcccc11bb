"""Every snippet on the page for analysts runs as written."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents import fenced

PYTHON, SHELL = ([sys.executable, "-W", "error", "-c"], ["sh", "-euc"])
SNIPPETS = [
    *((PYTHON, snippet) for snippet in fenced("docs/ANALYST.md", "python")),
    *((SHELL, snippet) for snippet in fenced("docs/ANALYST.md", "sh")),
]


@pytest.mark.parametrize(("command", "snippet"), SNIPPETS)
def test_it_runs(
    address: str, archive_file: Path, tmp_path: Path, command: list[str], snippet: str
) -> None:
    script = snippet.replace("http://localhost:8080", address)
    script = script.replace("data/gpu.sqlite", str(archive_file))
    assert script != snippet, "it asks no service"
    done = subprocess.run(
        [*command, script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout or list(tmp_path.iterdir()), "it shows nothing"
