"""The upload store in a local folder: nothing half-received stays, and nothing kept is lost."""

import errno
import os
import stat
from hashlib import sha256
from pathlib import Path

import pytest

from glyphd.errors import StorageFull
from glyphd.uploads import LocalUploads, UploadStore
from glyphd.uploads.local import LocalReceiving
from glyphd.uploads.store import HEAD_BYTES

LARGE = 10_000_000
NAMES_THAT_ARE_PATHS = ["../x.csv", "a/b.csv", "/etc/passwd", "..", ""]


@pytest.fixture
def uploads(tmp_path: Path) -> LocalUploads:
    return LocalUploads(tmp_path / "new" / "uploads")


def _names(uploads: LocalUploads) -> list[str]:
    return sorted(file.name for file in uploads.folder.iterdir())


def _kept(uploads: LocalUploads, name: str) -> bytes:
    with uploads.open(name) as file:
        return file.read()


def _break_off(uploads: LocalUploads, keep_as: str | None = None) -> None:
    with uploads.receive() as receiving:
        receiving.write(b"model")
        if keep_as is not None:
            receiving.keep(keep_as)
        raise RuntimeError


def _fill_the_disk(receiving: LocalReceiving) -> None:
    """From now on the disk is full, as reported by the kernel itself for this file."""
    receiving._file.close()
    full = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115  # closed with the upload
    receiving._file = full


def test_it_is_an_upload_store(uploads: LocalUploads) -> None:
    store: UploadStore = uploads
    store.check_writable()


def test_what_is_kept_is_there_under_its_name(uploads: LocalUploads) -> None:
    with uploads.receive() as receiving:
        receiving.write(b"model,")
        receiving.write(b"score\n")
        receiving.keep("a.csv")
    assert _kept(uploads, "a.csv") == b"model,score\n"
    assert (uploads.size("a.csv"), _names(uploads)) == (12, ["a.csv"])


def test_what_was_written_is_measured_as_it_comes(uploads: LocalUploads) -> None:
    with uploads.receive() as receiving:
        assert (receiving.size, receiving.head, receiving.sha256) == (
            0,
            b"",
            sha256(b"").hexdigest(),
        )
        receiving.write(b"model,")
        receiving.write(b"score\n")
        assert (receiving.size, receiving.head) == (12, b"model,score\n")
        assert receiving.sha256 == sha256(b"model,score\n").hexdigest()


def test_the_head_is_the_first_block_and_no_more(uploads: LocalUploads) -> None:
    first, second = b"a" * (HEAD_BYTES - 5), b"b" * HEAD_BYTES
    with uploads.receive() as receiving:
        for data in (first, second, second):
            receiving.write(data)
        assert receiving.head == first + b"bbbbb"
        assert receiving.size == HEAD_BYTES - 5 + 2 * HEAD_BYTES


def test_what_is_not_kept_leaves_nothing(uploads: LocalUploads) -> None:
    with uploads.receive() as receiving:
        receiving.write(b"model")
        assert [name.partition(".")[2] for name in _names(uploads)] == ["part"]
    assert _names(uploads) == []


def test_trouble_leaves_nothing(uploads: LocalUploads) -> None:
    with pytest.raises(RuntimeError):
        _break_off(uploads)
    assert _names(uploads) == []


def test_trouble_after_keeping_takes_nothing_away(uploads: LocalUploads) -> None:
    with pytest.raises(RuntimeError):
        _break_off(uploads, keep_as="a.csv")
    assert _names(uploads) == ["a.csv"]


def test_several_are_received_at_once(uploads: LocalUploads) -> None:
    with uploads.receive() as one, uploads.receive() as other:
        one.write(b"1")
        other.write(b"2")
        one.keep("1")
        other.keep("2")
    assert [_kept(uploads, name) for name in ("1", "2")] == [b"1", b"2"]


def test_what_was_sent_is_for_its_owner_alone(uploads: LocalUploads) -> None:
    uploads.put("a.csv", b"x")
    modes = [
        stat.S_IMODE(path.stat().st_mode) for path in (uploads.folder, uploads.folder / "a.csv")
    ]
    assert modes == [0o700, 0o600]


def test_the_bytes_are_durable_before_the_name_and_the_name_before_the_return(
    uploads: LocalUploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[bool, bool]] = []

    def fsync(descriptor: int) -> None:
        synced.append(
            (stat.S_ISDIR(os.fstat(descriptor).st_mode), (uploads.folder / "a.csv").exists())
        )

    with uploads.receive() as receiving:
        monkeypatch.setattr(os, "fsync", fsync)
        receiving.keep("a.csv")
    assert synced == [(False, False), (True, True)]


def test_a_small_file_is_put_as_a_whole(uploads: LocalUploads) -> None:
    uploads.put("a.json", b"{}")
    uploads.put("a.json", b"[1]")
    assert (_kept(uploads, "a.json"), _names(uploads)) == (b"[1]", ["a.json"])


def test_a_file_is_created_and_then_settled(
    uploads: LocalUploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bool] = []
    file = uploads.create("a.ndjson")
    file.write(b"{}\n")
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: synced.append(uploads.size("a.ndjson") == 3)
    )
    uploads.settle(file)
    assert (file.closed, synced) == (True, [True, True])


def test_creating_begins_anew(uploads: LocalUploads) -> None:
    uploads.put("a.ndjson", b"old and long")
    with uploads.create("a.ndjson") as file:
        file.write(b"new")
    assert _kept(uploads, "a.ndjson") == b"new"


def test_what_is_not_there_is_not_found(uploads: LocalUploads) -> None:
    with pytest.raises(FileNotFoundError):
        uploads.open("a.csv")
    with pytest.raises(FileNotFoundError):
        uploads.size("a.csv")


def test_deleting_is_done_once_and_may_be_done_twice(uploads: LocalUploads) -> None:
    uploads.put("a.csv", b"x")
    uploads.delete("a.csv")
    uploads.delete("a.csv")
    assert _names(uploads) == []


@pytest.mark.parametrize("name", NAMES_THAT_ARE_PATHS)
def test_a_name_is_never_a_path(uploads: LocalUploads, name: str) -> None:
    with uploads.receive() as receiving, pytest.raises(ValueError, match="plain file name"):
        receiving.keep(name)
    for action in (uploads.open, uploads.size, uploads.delete, uploads.create):
        with pytest.raises(ValueError, match="plain file name"):
            action(name)


def test_a_full_disk_is_named_while_writing(uploads: LocalUploads) -> None:
    with uploads.receive() as receiving:
        _fill_the_disk(receiving)
        with pytest.raises(StorageFull, match="no space left"):
            receiving.write(b"model")
    assert _names(uploads) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named_while_keeping(
    uploads: LocalUploads, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    with uploads.receive() as receiving:
        monkeypatch.setattr(os, "fsync", fsync)
        with pytest.raises(StorageFull):
            receiving.keep("a.csv")
    assert _names(uploads) == []


def test_other_trouble_with_the_disk_keeps_its_own_name(uploads: LocalUploads) -> None:
    uploads.folder.parent.mkdir()
    uploads.folder.touch()
    with pytest.raises(NotADirectoryError):
        uploads.check_writable()


def test_asking_whether_it_can_be_written_leaves_nothing(uploads: LocalUploads) -> None:
    uploads.check_writable()
    assert _names(uploads) == []


def test_a_full_disk_is_named_while_digesting(
    uploads: LocalUploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with uploads.receive() as receiving:
        receiving.write(bytes(LARGE))
        monkeypatch.setattr(os, "fsync", fsync)
        with pytest.raises(StorageFull):
            _ = receiving.sha256
    assert _names(uploads) == []
