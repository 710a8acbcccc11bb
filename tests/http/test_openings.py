"""A request opens the registry once at most, however often it asks it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, sys
from pathlib import Path
from tests.service import offers, start_in

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


def _openings(folder: Path, initialised: Path, *uploads: dict[str, str]) -> int:
    command = [sys.executable, "-c", SCRIPT, str(folder), str(initialised), json.dumps(uploads)]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
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
    """Nothing is left open: a registry that was replaced is seen by the next request."""
    assert _openings(tmp_path / "data", initialised_folder, *[{"Prefer": "respond-async"}] * 3) == 3
