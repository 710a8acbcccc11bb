"""Where bodies are stored as they arrive."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from glyphd.server.spools import BodyBuffer


@pytest.fixture
def buffer(scratch: Path) -> Iterator[BodyBuffer]:
    buffer = BodyBuffer(most_in_memory=10)
    yield buffer
    with suppress(OSError):  # what the full disk could not store
        buffer.close()


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_a_small_body_stays_in_memory(buffer: BodyBuffer, scratch: Path) -> None:
    scratch.rmdir()
    buffer.append(b"12345")
    buffer.append(b"6789")
    buffer.settle()
    assert (len(buffer), buffer.getfile().read()) == (9, b"123456789")


def test_a_larger_one_goes_to_an_unnamed_file(buffer: BodyBuffer, scratch: Path) -> None:
    for data in (b"12345", b"67890", b"more"):
        buffer.append(data)
    buffer.settle()
    body = buffer.getfile()
    assert os.fstat(body.fileno()).st_size == 14
    assert (len(buffer), body.read(), list(scratch.iterdir())) == (14, b"1234567890more", [])


def _fill(buffer: BodyBuffer, size: int) -> None:
    buffer.append(b"x" * size)
    buffer.settle()


@pytest.mark.parametrize("size", [10, 100_000])
def test_without_room_it_lets_go_of_what_it_took(
    buffer: BodyBuffer, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    full = Path("/dev/full").open("w+b")  # noqa: SIM115  # closed with the buffer
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: full)
    with pytest.raises(OSError, match="No space left"):
        _fill(buffer, size)
    assert full.closed


@pytest.mark.parametrize("number_of_appends", [0, 1, 2])
def test_closed_it_leaves_nothing_open(buffer: BodyBuffer, number_of_appends: int) -> None:
    for _ in range(number_of_appends):
        buffer.append(b"1234567890")
    with closing(buffer):
        body = buffer.getfile()
    assert body.closed
