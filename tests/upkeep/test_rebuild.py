"""`glyphd rebuild`: an archive recreated from the kept files answers everything as the old one
did."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from glyphd.cli import main
from glyphd.db.drift import find_drift
from glyphd.settings import Settings
from tests.service import Service, open_service
from tests.upkeep.stories import answers, live


def _rebuild(service: Service, into: Path) -> Result:
    return CliRunner().invoke(
        main, ["rebuild", "--into", str(into), "--data-dir", str(service.settings.data_dir)]
    )


def _verify(settings: Settings) -> Result:
    return CliRunner().invoke(main, ["verify", "--all", "--data-dir", str(settings.data_dir)])


@pytest.fixture
def lived(service: Service) -> Service:
    live(service)
    return service


def test_every_answer_is_the_old_ones(lived: Service, tmp_path: Path) -> None:
    before = answers(lived)
    into = tmp_path / "new.sqlite"
    result = _rebuild(lived, into)
    assert result.output == f"{into}: 3 imports with 5 events, 3 rollbacks and restores\n"
    into.rename(lived.settings.archive_path)
    for leftover in ("-wal", "-shm"):
        lived.settings.archive_path.with_name(f"gpu.sqlite{leftover}").unlink(missing_ok=True)
    again = open_service(lived.settings)
    assert answers(again) == before
    assert find_drift(lived.settings) == []
    assert _verify(lived.settings).exit_code == 0


def test_it_leaves_the_old_archive_alone(lived: Service, tmp_path: Path) -> None:
    before = lived.settings.archive_path.read_bytes()
    assert _rebuild(lived, tmp_path / "new.sqlite").exit_code == 0
    assert lived.settings.archive_path.read_bytes() == before


def test_it_needs_no_old_archive(lived: Service, tmp_path: Path) -> None:
    lived.settings.archive_path.unlink()
    assert _rebuild(lived, tmp_path / "new.sqlite").exit_code == 0


def test_it_needs_no_sound_archive(lived: Service, tmp_path: Path) -> None:
    lived.settings.archive_path.write_bytes(b"damaged" * 1000)
    assert _rebuild(lived, tmp_path / "new.sqlite").exit_code == 0


def test_what_only_begins_like_the_new_archive_stays(lived: Service, tmp_path: Path) -> None:
    (tmp_path / "new.sqlite").write_bytes(b"another one")
    for path in lived.settings.uploads_dir.glob("*.csv"):
        path.unlink()
    assert _rebuild(lived, tmp_path / "new").exit_code == 2
    assert [path.name for path in tmp_path.glob("new*")] == ["new.sqlite"]


def test_it_takes_no_place_that_is_taken(lived: Service) -> None:
    result = _rebuild(lived, lived.settings.archive_path)
    assert result.exit_code == 2
    assert "already exists" in result.output


@pytest.mark.parametrize("fault", ["altered", "missing"])
def test_a_kept_file_that_is_not_what_was_received_stops_it(
    lived: Service, tmp_path: Path, fault: str
) -> None:
    import_id = lived.listings("?limit=1")[0]["import_id"]
    (upload,) = set(lived.settings.uploads_dir.glob(f"{import_id}.*")) - {
        lived.settings.uploads_dir / f"{import_id}.json"
    }
    upload.write_bytes(b"other") if fault == "altered" else upload.unlink()
    result = _rebuild(lived, tmp_path / "new.sqlite")
    assert (result.exit_code, import_id in result.output) == (2, True)
    assert list(tmp_path.glob("new.sqlite*")) == []
