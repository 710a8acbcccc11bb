"""Uploads in a bucket: the same as in a folder, and what only a bucket can do."""

import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest

from glyphd.errors import UploadsUnavailable
from glyphd.uploads.bucket import BucketUploads
from glyphd.uploads.bucket_client import MOST_PARTS, PART_BYTES, BucketClient, part_bytes
from glyphd.uploads.bucket_files import FIRST_BLOCK_BYTES, MOST_BLOCK_BYTES
from glyphd.uploads.store import SharedStore
from tests.bucket_server import BUCKET, KEY_ID, SECRET

LARGE = bytes(range(256)) * (3 * PART_BYTES // 256 + 1)


@pytest.fixture
def uploads(bucket_url: str, tmp_path: Path) -> BucketUploads:
    return BucketUploads(bucket_url, tmp_path / "new" / "uploads")


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The position and length of every read."""
    found: list[tuple[int, int]] = []
    read = BucketClient.read

    def noted(client: BucketClient, name: str, start: int, length: int) -> memoryview:
        found.append((start, length))
        return read(client, name, start, length)

    monkeypatch.setattr(BucketClient, "read", noted)
    return found


def _keep(uploads: BucketUploads, name: str, data: bytes) -> str:
    with uploads.receive() as receiving:
        receiving.write(data)
        receiving.keep(name)
        return receiving.sha256


def _left(uploads: BucketUploads) -> list[str]:
    return [path.name for path in uploads.folder.iterdir()]


def test_it_is_a_store_that_machines_share(uploads: BucketUploads) -> None:
    store: SharedStore = uploads
    assert store.names() == []


def test_what_is_kept_is_there_and_not_here(uploads: BucketUploads) -> None:
    assert _keep(uploads, "a.csv", b"model,price\n") == sha256(b"model,price\n").hexdigest()
    with uploads.open("a.csv") as file:
        assert file.read() == b"model,price\n"
    assert (uploads.size("a.csv"), uploads.names(), _left(uploads)) == (12, ["a.csv"], [])


def test_a_large_file_is_sent_in_parts_and_read_in_blocks(
    uploads: BucketUploads, requests: list[tuple[int, int]]
) -> None:
    digest = _keep(uploads, "a.csv", LARGE)
    with uploads.open("a.csv") as file:
        found = sha256()
        while block := file.read(1 << 20):
            found.update(block)
        assert (found.hexdigest(), file.tell()) == (digest, len(LARGE))
    assert requests[0] == (0, FIRST_BLOCK_BYTES)
    assert max(length for _, length in requests) == MOST_BLOCK_BYTES
    assert len(requests) < 12


def test_a_few_bytes_are_a_short_request(
    uploads: BucketUploads, requests: list[tuple[int, int]]
) -> None:
    _keep(uploads, "a.csv", LARGE)
    with uploads.open("a.csv") as file:
        file.seek(2 * PART_BYTES + 65)
        assert file.read(3) == b"ABC"
        file.seek(-1, 2)
        assert file.read() == b"\xff"
    assert requests == [(2 * PART_BYTES + 65, FIRST_BLOCK_BYTES), (len(LARGE) - 1, 1)]


def test_no_file_is_too_large_for_its_number_of_parts() -> None:
    assert part_bytes(1 << 30) == PART_BYTES
    size = 5 << 40  # the largest object that S3 can store
    assert size / part_bytes(size) <= MOST_PARTS


def test_what_is_refused_leaves_nothing(uploads: BucketUploads) -> None:
    with uploads.receive() as receiving:
        receiving.write(b"model")
    assert (uploads.names(), _left(uploads)) == ([], [])


def test_a_small_file_is_put_as_a_whole(uploads: BucketUploads) -> None:
    uploads.put("a.json", b"{}")
    uploads.put("a.json", b"[1]")
    with uploads.open("a.json") as file:
        assert file.read() == b"[1]"


def test_a_created_file_is_there_when_it_is_settled(uploads: BucketUploads) -> None:
    file = uploads.create("a.ndjson")
    file.write(b"{}\n")
    assert uploads.names() == []
    uploads.settle(file)
    assert (uploads.size("a.ndjson"), _left(uploads)) == (3, [])


def test_a_created_file_that_is_closed_is_nowhere(uploads: BucketUploads) -> None:
    uploads.create("a.ndjson").close()
    assert (uploads.names(), _left(uploads)) == ([], [])


def test_what_is_not_there_is_not_found(uploads: BucketUploads) -> None:
    for ask in (uploads.open, uploads.size):
        with pytest.raises(FileNotFoundError):
            ask("a.csv")
    assert uploads.age("a.csv") == 0.0
    uploads.delete("a.csv")


def test_what_is_deleted_is_gone(uploads: BucketUploads) -> None:
    uploads.put("a.csv", b"x")
    uploads.delete("a.csv")
    assert uploads.names() == []


def test_the_age_is_by_the_buckets_clock(
    uploads: BucketUploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads.put("a.csv", b"x")
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert 0 <= uploads.age("a.csv") < 60
    assert uploads.names() == ["a.csv"]


@pytest.mark.parametrize("name", ["", "..", "a/b", "/etc/passwd", "../a"])
def test_a_name_is_never_a_path(uploads: BucketUploads, name: str) -> None:
    actions: list[Callable[[str], object]] = [uploads.open, uploads.size, uploads.delete]
    actions += [uploads.create, uploads.age, partial(uploads.put, data=b"")]
    for action in actions:
        with pytest.raises(ValueError, match="plain file name"):
            action(name)


def test_two_prefixes_do_not_see_each_other(uploads: BucketUploads, tmp_path: Path) -> None:
    deeper = BucketUploads(f"{uploads.url}/deeper", tmp_path)
    uploads.put("a.csv", b"x")
    deeper.put("b.csv", b"x")
    assert (uploads.names(), deeper.names()) == (["a.csv"], ["b.csv"])


def test_of_many_that_mark_it_one_does(uploads: BucketUploads) -> None:
    assert uploads.marked_id() is None
    with ThreadPoolExecutor(16) as threads:
        marked = set(threads.map(uploads.mark, map(str, range(16))))
    assert len(marked) == 1
    assert marked == {uploads.marked_id()}
    assert uploads.names() == []


def test_it_can_be_used_as_long_as_it_is_marked(uploads: BucketUploads) -> None:
    with pytest.raises(UploadsUnavailable, match="no longer this archive's"):
        uploads.check_writable()
    uploads.mark("a")
    uploads.check_writable()
    assert _left(uploads) == []


def test_a_pickle_has_the_url_and_no_secret(uploads: BucketUploads) -> None:
    uploads.put("a.csv", b"x")
    pickled = pickle.dumps(uploads)
    assert (SECRET.encode() in pickled, KEY_ID.encode() in pickled) == (False, False)
    assert pickle.loads(pickled).names() == ["a.csv"]


@pytest.mark.parametrize("name", ["AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"])
def test_wrong_keys_are_told_without_them(
    uploads: BucketUploads, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, f"wrong-{uuid4().hex}")
    with pytest.raises(UploadsUnavailable) as caught:
        uploads.put("a.csv", b"x")
    assert caught.value.detail.startswith("the bucket for uploads refuses access")
    assert "403" in str(caught.value.reason)
    said = f"{caught.value!r} {caught.value.reason} {caught.value.__cause__}"
    assert not any(secret in said for secret in (SECRET, KEY_ID, "wrong-"))


def test_a_missing_bucket_is_not_a_missing_file(uploads: BucketUploads, tmp_path: Path) -> None:
    missing = BucketUploads(uploads.url.replace(f"/{BUCKET}/", "/no-such-bucket/"), tmp_path)
    for act in (missing.names, missing.marked_id, lambda: missing.put("a.csv", b"x")):
        with pytest.raises(UploadsUnavailable):
            act()
