"""Pages overwritten and bytes flipped at random, in archives and uploads of real imports.

`check` and `backup` find whatever SQLite's own checks and SHA-256 can, and `verify --all` finds
every changed value of an event. GLYPHD_TEST_DAMAGE_EXAMPLES sets how many ledgers each test
damages.
"""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings, strategies as st

from glyphd.cli import main
from glyphd.contracts.gpu_listings import GPUListingDTO
from glyphd.storage.stores import SqliteListingStore
from glyphd.upkeep.upload_copies import UNFINISHED
from tests.damaging import PAGE_BYTES, is_sound, overwrite, settle
from tests.service import start_in
from tests.upkeep.stories import live

EXAMPLES = int(os.environ.get("GLYPHD_TEST_DAMAGE_EXAMPLES", "10"))
ARCHIVE, REGISTRY = "gpu.sqlite", "gpu.registry.sqlite"

Answers = list[tuple[Any, ...]]
some = settings(
    deadline=None,
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, initialised_folder: Path) -> Path:
    """The data folder of a ledger with every kind of data, with its logs copied into the files."""
    folder = tmp_path_factory.mktemp("lived") / "data"
    live(start_in(folder, initialised_folder))
    store = SqliteListingStore(db_path=folder / ARCHIVE)
    store.insert_listings(
        [GPUListingDTO(model="L4", price_usd=1, score=1, seller="Acme")] * 3, import_id="mine"
    )
    store.database.close()
    for name in (ARCHIVE, REGISTRY):
        settle(folder / name)
    return folder


@pytest.fixture
def copy(lived: Path, tmp_path: Path) -> Path:
    """A copy to damage, recreated by `_renew` for each example."""
    return tmp_path / "data"


@st.composite
def flips(draw: st.DrawFn) -> tuple[float, bytes]:
    """The position, as a share of the file, and the new content: some bytes, or a whole page."""
    content = draw(
        st.binary(min_size=1, max_size=4)
        | st.sampled_from(
            [b"\0" * PAGE_BYTES, b"\xff" * PAGE_BYTES, bytes(range(256)) * (PAGE_BYTES // 256)]
        )
    )
    return draw(st.floats(0, 1, exclude_max=True)), content


@some
@given(name=st.sampled_from([ARCHIVE, REGISTRY]), flip=flips())
def test_what_sqlite_can_find_is_found(
    lived: Path, copy: Path, name: str, flip: tuple[float, bytes]
) -> None:
    _renew(lived, copy)
    _damage(copy / name, flip)
    if is_sound(copy / name):
        return
    for command in (("check",), ("verify", "--all"), ("backup", str(copy.parent / "backup"))):
        found = _run(copy, *command)
        assert found.exit_code != 0, command
        assert found.output
    assert not (copy.parent / "backup" / ARCHIVE).exists()


@some
@given(index=st.integers(0, 1000), flip=flips())
def test_what_a_digest_can_find_is_found(
    lived: Path, copy: Path, index: int, flip: tuple[float, bytes]
) -> None:
    _renew(lived, copy)
    kept = sorted(path for path in (copy / "gpu.uploads").iterdir() if path.suffix != ".json")
    upload = kept[index % len(kept)]
    before = sha256(upload.read_bytes()).hexdigest()
    _damage(upload, flip)
    if sha256(upload.read_bytes()).hexdigest() == before:
        return
    if ".errors." not in upload.name or _is_broken(upload):
        for command in (("check",), ("verify", "--all"), ("backup", str(copy.parent / "backup"))):
            found = _run(copy, *command)
            assert (found.exit_code != 0, upload.name.partition(".")[0] in found.output) == (
                True,
                True,
            ), command
        assert [path.name for path in (copy.parent / "backup").iterdir()] == [UNFINISHED]


@some
@given(flip=flips())
def test_every_changed_value_is_found(lived: Path, copy: Path, flip: tuple[float, bytes]) -> None:
    """Whatever SQLite says about the page, every value that a reader would get is the original one,
    or is reported."""
    _renew(lived, copy)
    _damage(copy / ARCHIVE, flip)
    if _values(copy / ARCHIVE) != _values(lived / ARCHIVE):
        found = _run(copy, "verify", "--all")
        assert found.exit_code != 0
        assert found.output


def _renew(lived: Path, copy: Path) -> None:
    for folder in (copy, copy.parent / "backup"):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(lived, copy)


def _damage(path: Path, flip: tuple[float, bytes]) -> None:
    """Overwrites part of the file, which keeps its size."""
    share, content = flip
    size = path.stat().st_size
    start = int(share * size)
    if len(content) == PAGE_BYTES:
        start -= start % PAGE_BYTES
    overwrite(path, start, content[: size - start])


def _run(folder: Path, *command: str) -> Result:
    """The output of the command, which never ends in a traceback."""
    found = CliRunner().invoke(main, [*command, "--data-dir", str(folder)])
    assert isinstance(found.exception, SystemExit | None), found.exception
    return found


def _is_broken(errors: Path) -> bool:
    """Whether the rest can't be the errors that were kept: in the story each file has one line of
    them."""
    try:
        (line,) = errors.read_bytes().splitlines()
        return not isinstance(json.loads(line), dict)
    except ValueError:
        return True


def _values(path: Path) -> dict[str, Answers] | None:
    """All rows of the tables in `_TABLES`, in order; None if they can't be read."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.text_factory = bytes
            tables = [name.decode() for (name,) in connection.execute(_TABLES)]
            return {
                name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr)
                for name in tables
            }
    except (sqlite3.Error, UnicodeDecodeError):
        return None


_TABLES = (
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN"
    " ('schema_version', 'archive_migrations', 'sqlite_sequence')"
)
