"""The owner of a bucket: the first archive marks it, and every other one is refused."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from glyphd.db.pairing import archive_id
from glyphd.errors import BucketMismatch, InvalidSettings, RegistryLost, UploadsUnavailable
from glyphd.settings import Settings
from glyphd.upkeep.registry_rebuild import rebuild_registry
from glyphd.uploads import LocalUploads
from glyphd.uploads.bucket import MARKER, BucketUploads
from glyphd.uploads.opening import open_own_uploads, open_uploads, prepare_ledger
from tests.bucket_server import BUCKET
from tests.service import offers, open_service

CSV = offers("L4,2400,0.7,EU,Acme,2025-07-29")


@pytest.fixture
def settings(tmp_path: Path, bucket_url: str) -> Settings:
    """An archive on SQLite that does not exist yet, with an empty bucket."""
    return _ledger(tmp_path / "one", bucket_url)


@pytest.fixture
def bucket(settings: Settings) -> BucketUploads:
    return BucketUploads(str(settings.upload_url), settings.uploads_dir)


def _ledger(folder: Path, url: str | None) -> Settings:
    return Settings(data_dir=folder, upload_url=url)


def _made(settings: Settings) -> list[Path]:
    return list(settings.data_dir.glob("*")) if settings.data_dir.exists() else []


def _no_progress(length: int) -> Any:
    class Progress:
        def __enter__(self) -> Any:
            return lambda done: None

        def __exit__(self, *_: object) -> None: ...

    return Progress()


def test_without_a_url_it_is_a_folder(tmp_path: Path) -> None:
    assert isinstance(open_uploads(_ledger(tmp_path, None)), LocalUploads)


def test_a_new_archive_marks_an_empty_bucket(settings: Settings, bucket: BucketUploads) -> None:
    prepare_ledger(settings)
    prepare_ledger(settings)
    assert bucket.marked_id() == archive_id(settings)
    assert isinstance(open_own_uploads(settings), BucketUploads)


def test_processes_that_start_at_once_agree(settings: Settings, bucket: BucketUploads) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(prepare_ledger, [settings] * 4))
    assert bucket.marked_id() == archive_id(settings)


def test_the_bucket_of_another_archive_is_refused(settings: Settings, tmp_path: Path) -> None:
    prepare_ledger(settings)
    other = _ledger(tmp_path / "other", None)
    prepare_ledger(other)
    other = other.model_copy(update={"upload_url": settings.upload_url})
    for refuse in (prepare_ledger, open_own_uploads):
        with pytest.raises(BucketMismatch, match="has the uploads of another archive") as caught:
            refuse(other)
        assert "\n" not in caught.value.detail


def test_a_new_archive_takes_no_marked_bucket(settings: Settings, tmp_path: Path) -> None:
    prepare_ledger(settings)
    other = _ledger(tmp_path / "other", settings.upload_url)
    with pytest.raises(RegistryLost, match=r"rebuild .*--registry"):
        prepare_ledger(other)
    assert _made(other) == []


def test_a_bucket_with_other_files_is_refused(settings: Settings, bucket: BucketUploads) -> None:
    bucket.put("holiday.jpg", b"x")
    with pytest.raises(BucketMismatch, match="is not empty"):
        prepare_ledger(settings)
    assert (_made(settings), bucket.marked_id()) == ([], None)


def test_an_archive_with_imports_takes_no_empty_bucket(tmp_path: Path, bucket_url: str) -> None:
    local = open_service(_ledger(tmp_path / "one", None))
    local.import_csv(CSV)
    with pytest.raises(BucketMismatch, match="is empty, but the registry has 1 import"):
        prepare_ledger(_ledger(tmp_path / "one", bucket_url))


def test_an_archive_may_move_into_a_bucket(settings: Settings, bucket: BucketUploads) -> None:
    local = open_service(_ledger(settings.data_dir, None))
    import_id = local.import_csv(CSV)["import_id"]
    for path in settings.uploads_dir.iterdir():
        bucket.put(path.name, path.read_bytes())
        path.unlink()
    moved = open_service(settings)
    assert moved.http.get(f"/api/imports/{import_id}/file").body == CSV.encode()


def test_a_lost_registry_is_rebuilt_from_the_bucket(settings: Settings, tmp_path: Path) -> None:
    lost = open_service(settings)
    import_id = lost.import_csv(CSV)["import_id"]
    again = _ledger(tmp_path / "again", settings.upload_url)
    assert rebuild_registry(again, _no_progress).queued == 1
    found = open_service(again)
    found.work()
    assert found.status(import_id)["status"] == "succeeded"
    assert archive_id(again) == archive_id(settings)


@pytest.mark.parametrize("wrong", ["keys", "bucket", "address"])
def test_what_does_not_answer_is_told_in_one_line(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    if wrong == "keys":
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    elif wrong == "address":
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    else:
        other = str(settings.upload_url).replace(f"/{BUCKET}/", "/no-such-bucket/")
        settings = settings.model_copy(update={"upload_url": other})
    with pytest.raises(UploadsUnavailable) as caught:
        prepare_ledger(settings)
    assert "\n" not in f"{caught.value.detail}{caught.value.reason}"
    assert _made(settings) == []


def test_without_the_extra_the_command_to_install_it_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "glyphd.uploads.bucket", None)
    with pytest.raises(InvalidSettings, match=r"glyphd\[object-storage\]"):
        open_uploads(settings)


def test_the_marker_is_no_kept_file(settings: Settings, bucket: BucketUploads) -> None:
    prepare_ledger(settings)
    assert (bucket.names(), bucket.size(MARKER) > 0) == ([], True)
