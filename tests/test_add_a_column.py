"""Adds a column to a copy of the project as docs/ADD_A_COLUMN.md says, then imports a file with
it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from glyphd.settings import Settings
from tests.e2e.processes import (
    PATIENCE_SECONDS,
    data_in,
    environment_of,
    final_status,
    get,
    run,
    serving,
    upload,
)

ROOT = Path(__file__).parents[1]
STEP = re.compile(r"^## \d\. `(\S+)`.*?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STEPS = STEP.findall((ROOT / "docs/ADD_A_COLUMN.md").read_text())
COPIED = (
    "glyphd",
    "worker",
    "migrations",
    "docs",
    "sample",
    "tests",
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
)
HEADER = "model,price_usd,score,Warranty Months\n"


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of this version, in which a file's column of that name was unknown."""
    folder = tmp_path_factory.mktemp("before") / "data"
    with serving(environment=data_in(folder)) as api:
        sent = upload(api.address, f"{HEADER}L4,2400,0.9,12\n".encode())
        assert final_status(api.address, sent["import_id"])["status"] == "succeeded"
    store = (
        "from glyphd import *; SqliteListingStore(db_path={!r}).insert_listings([{}], "
        "import_id='mine')"
    )
    listing = "GPUListingDTO(model='A2', price_usd=1, score=1)"
    subprocess.run(
        [sys.executable, "-c", store.format(str(folder / "gpu.sqlite"), listing)], check=True
    )
    return folder


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the edits from the document."""
    copy = tmp_path_factory.mktemp("changed")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    for name, kind, text in STEPS:
        _edit(copy, name, kind, text)
    return copy


def _edit(copy: Path, name: str, kind: str, text: str) -> None:
    path = copy / name
    if kind == "diff":
        lines = text.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line[0] != "+")
        new = "".join(line[1:] for line in lines if line[0] != "-")
        assert path.read_text().count(old) == 1, f"{name} has not these lines once:\n{old}"
        path.write_text(path.read_text().replace(old, new))
    elif kind == "python":
        assert not path.exists()
        path.write_text(text)
    else:
        command = text.replace("python ", f"{sys.executable} ", 1)
        subprocess.run(
            ["sh", "-eu"], input=command, cwd=copy, env=_environment(copy), text=True, check=True
        )


def _environment(copy: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(copy)}


def _run(
    copy: Path, environment: dict[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "glyphd", *arguments]
    return subprocess.run(
        command,
        cwd=copy,
        env=_environment(copy) | environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def _glyphd(copy: Path, environment: dict[str, str], *arguments: str) -> str:
    done = _run(copy, environment, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield str(path.relative_to(folder)), path.read_bytes()


def test_five_files_are_touched(changed: Path) -> None:
    assert len(STEPS) == 5
    before = {
        name: content
        for part in COPIED
        if (ROOT / part).is_dir()
        for name, content in _files(ROOT / part)
    }
    after = {
        name: content
        for part in COPIED
        if (ROOT / part).is_dir()
        for name, content in _files(changed / part)
    }
    assert len({name for name, content in after.items() if before.get(name) != content}) == 5


def test_a_file_with_the_column_is_imported_and_the_value_comes_back(
    changed: Path, before: Path
) -> None:
    environment = data_in(before) | {"PYTHONPATH": str(changed)}
    assert (
        _glyphd(changed, data_in(before), "migrate").strip()
        == "applied archive 010_warranty_months"
    )
    with serving(
        environment=environment, folder=changed, command=(sys.executable, "-m", "glyphd")
    ) as api:
        sent = upload(api.address, f"{HEADER}L40,9000,0.8,36\nL40S,9500,0.8,\n".encode())
        assert final_status(api.address, sent["import_id"])["status"] == "succeeded"
        rows = get(api.address, "/api/listings?sort=price_usd")
        asked = Request(f"{api.address}/listings", headers={"Accept": "text/html"})
        with urlopen(asked, timeout=PATIENCE_SECONDS) as page:
            assert "Warranty, months" in page.read().decode()
        assert get(api.address, "/api/schema")["schema_version"] == 3
    assert [(row["model"], row["warranty_months"], row["schema_version"]) for row in rows] == [
        ("A2", None, 2),
        ("L4", None, 2),
        ("L40", 36, 3),
        ("L40S", None, 3),
    ]
    refused = _run(changed, data_in(before), "migrate", "--to", "archive:9")
    assert "scored_listings.warranty_months" in refused.stderr
    _glyphd(changed, data_in(before), "check")
    _glyphd(changed, data_in(before), "verify", "--all")


def test_the_copy_holds_its_documents_and_its_schema_to_its_code(changed: Path) -> None:
    columns = "tests/test_docs.py::test_every_column_and_alias_is_described"
    described = "tests/openapi/test_document.py"
    tests = ["tests/test_schema.py", columns, "tests/http/test_row_schema.py", described]
    words = ["-q", "-n0", "-p", "no:cacheprovider", "-k", "not postgresql", *tests]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=changed,
        env=_environment(changed),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_the_step_is_the_same_on_either_database_and_can_be_taken_back(
    changed: Path, empty_database_settings: Settings
) -> None:
    environment = environment_of(empty_database_settings)
    for command in ("init-db", "check", "migrate --to archive:9"):
        _glyphd(changed, environment, *command.split())
    assert run("check", environment=environment).returncode == 0
