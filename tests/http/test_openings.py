"""A request opens the registry at most once, however often it reads it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, sys
from pathlib import Path
from glyphd.db import connections
from tests.service import offers, start_in

connections.KEPT_SECONDS = float(sys.argv[4])
service = start_in(Path(sys.argv[1]), Path(sys.argv[2]))
service.upload(offers("L4,1,0.5,,,"))  # what is done once in a process does not count
service.work()
service.greet()
opened = []

def note(event, arguments):
    if event == "sqlite3.connect" and "registry" in str(arguments[0]):
        opened.append(str(arguments[0]))

sys.addaudithook(note)
for number, headers in enumerate(json.loads(sys.argv[3])):
    service.services.tokens.forget()  # as if the last look were too old
    service.upload(offers(f"L4,{number + 2},0.5,,,"), **headers)
print(f"\\n{len(opened)}")
"""


def _openings(
    folder: Path, initialised: Path, *uploads: dict[str, str], kept_seconds: float = 0
) -> int:
    words = (folder, initialised, json.dumps(uploads), kept_seconds)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, words)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "headers",
    [
        {"Prefer": "respond-async"},
        {"Prefer": "wait=1"},
        {"Idempotency_Key": "once", "Prefer": "wait=1"},
    ],
)
def test_an_upload_opens_the_registry_once(
    tmp_path: Path, initialised_folder: Path, headers: dict[str, str]
) -> None:
    assert _openings(tmp_path / "data", initialised_folder, headers) == 1


def test_each_request_opens_it_for_itself(tmp_path: Path, initialised_folder: Path) -> None:
    """Without kept connections: this is what keeping them saves."""
    assert _openings(tmp_path / "data", initialised_folder, *[{"Prefer": "respond-async"}] * 3) == 3


def test_the_next_request_uses_the_connection_of_the_one_before(
    tmp_path: Path, initialised_folder: Path
) -> None:
    uploads = [{"Prefer": "respond-async"}] * 3
    assert _openings(tmp_path / "data", initialised_folder, *uploads, kept_seconds=60) == 0
