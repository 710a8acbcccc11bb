"""A user's script passes the strictest type check, without plugins and outside the project."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCUMENTS = (
    Path(__file__).parents[1] / "README.md",
    Path(__file__).parents[3] / "docs" / "CLIENT.md",
)
EXAMPLES = [
    example
    for document in DOCUMENTS
    for example in re.findall(
        r"^```python\n(.*?)^```$", document.read_text(), re.MULTILINE | re.DOTALL
    )
]

SCRIPT = """
from datetime import UTC, datetime, timedelta
from pathlib import Path

from glyphd_client import Client, ClientError, ImportStatus, Listing, RowError


def push(client: Client, path: Path) -> ImportStatus:
    pushed = client.push(path, source="nightly", map=["score:Rating"], on_error="skip")
    return pushed.wait(timeout=60.0, on_progress=lambda status: print(status.progress))


def ask(client: Client) -> list[float]:
    since = datetime.now(UTC) - timedelta(days=1)
    found: list[Listing] = list(client.listings(model=["L4"], min_score=0.5, after=since))
    return [row.price_usd for row in found if row.seen_at > since]


def look(client: Client, import_id: str) -> list[int]:
    errors: list[RowError] = list(client.errors(import_id))
    saved: Path = client.report(import_id)
    print(saved, client.listings().count(), client.rollback(import_id, "why").rolled_back_at)
    return [error.line for error in errors]


with Client("http://localhost:8080", "token") as client:
    try:
        print(push(client, Path("offers.csv")), ask(client), look(client, "x"))
    except ClientError as error:
        print(error.code, error.detail, error.errors)
"""

WRONG = """
from glyphd_client import Client

client = Client()
client.push("offers.csv", sorce="nightly")
client.push("offers.csv", on_error="ignore")
client.listings(min_score="high")
"""


def _check(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "script.py").write_text(script)
    options = ("--strict", "--config-file=", f"--cache-dir={folder}/cache")
    return subprocess.run(
        [sys.executable, "-m", "mypy", *options, "script.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder outside the project."""
    return tmp_path_factory.mktemp("typing")


@pytest.mark.parametrize("script", [*EXAMPLES, SCRIPT])
def test_a_users_script_has_no_error(outside: Path, script: str) -> None:
    found = _check(script, outside)
    assert (found.stdout.splitlines()[-1], found.stderr) == (
        "Success: no issues found in 1 source file",
        "",
    )


def test_what_is_wrong_is_found(outside: Path) -> None:
    codes = re.findall(r"\[([a-z-]+)\]$", _check(WRONG, outside).stdout, re.MULTILINE)
    assert codes == ["call-arg", "arg-type", "arg-type"]
