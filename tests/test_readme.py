"""The examples in the README run as they are."""

import json
import re
import subprocess
import sys
from pathlib import Path

from tests.documents import fenced
from tests.e2e.processes import data_in, readiness, serving, until

ROOT = Path(__file__).parents[1]


def test_the_script_runs_as_it_stands(tmp_path: Path) -> None:
    with serving(environment=data_in(tmp_path / "data")) as api:
        script = fenced("README.md", "sh")[0].replace("http://localhost:8080", api.address)
        done = subprocess.run(
            ["sh", "-eu"], input=script, cwd=ROOT, capture_output=True, text=True, check=True
        )
    told, found, *csv = done.stdout.splitlines()
    assert re.fullmatch(r"import [0-9a-f-]{36}: succeeded", told)
    assert found.count('"model":"RTX_A6000"') == 2
    assert [line.split(",")[0] for line in csv[1:]] == [str(number) for number in range(1, 25)]


def test_the_runbook_shows_what_moved(tmp_path: Path) -> None:
    with serving(environment=data_in(tmp_path / "data")) as api:
        until(
            lambda: readiness(api.address)["status"] == "ready"
        )  # without a worker there is nothing to wait for
        script = fenced("README.md", "sh")[1].replace("http://localhost:8080", api.address)
        done = subprocess.run(
            ["sh", "-eu"], input=script, cwd=ROOT, capture_output=True, text=True, check=True
        )
    moved = json.loads(done.stdout[done.stdout.rindex("[{") :])
    assert [(row["seller"], row["price_delta_pct"]) for row in moved] == [
        ("Second Socket", 7.515658),
        ("Rackyard", -7.694281),
    ]


def test_the_library_example_prints_what_it_says(tmp_path: Path) -> None:
    (example,) = fenced("README.md", "python")
    done = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == re.findall(r"^# (.+)$", example, re.MULTILINE)
