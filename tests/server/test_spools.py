"""Where bodies go as they come in."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

import pytest

from glyphd.server.spools import BodyBuffer, lead_length
from glyphd.uploads import Spool
from tests.http.forms import Part, form

FORM = "multipart/form-data; boundary=a-boundary"
CSV = b"model,score\n"
PLAIN = form(Part("file", CSV, "offers.csv", "text/csv")).body


@pytest.fixture
def buffer(scratch: Path) -> Iterator[BodyBuffer]:
    with closing(BodyBuffer("text/csv", most_in_memory=10)) as buffer:
        yield buffer


@pytest.fixture
def form_buffer(scratch: Path) -> Iterator[BodyBuffer]:
    with closing(BodyBuffer(FORM, most_in_memory=10)) as buffer:
        buffer.append(PLAIN)
        yield buffer


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def _read(body: BinaryIO | Spool) -> list[bytes]:
    return list(iter(lambda: body.read(1000), b""))


def test_a_small_body_stays_in_memory(buffer: BodyBuffer) -> None:
    buffer.append(b"12345")
    buffer.append(b"6789")
    body = buffer.getfile()
    assert not isinstance(body, Spool)
    assert (len(buffer), _read(body)) == (9, [b"123456789"])


def test_a_larger_one_goes_to_an_unnamed_file(buffer: BodyBuffer, scratch: Path) -> None:
    for data in (b"12345", b"67890", b"more"):
        buffer.append(data)
    body = buffer.getfile()
    assert isinstance(body, Spool)
    assert body.at_file
    assert os.fstat(body.file.fileno()).st_size == 14
    assert (len(buffer), _read(body), list(scratch.iterdir())) == (14, [b"1234567890more"], [])


def test_without_such_files_it_goes_to_a_temporary_one(
    buffer: BodyBuffer, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_open = os.open

    def open_named(path: str, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        return really_open(path, flags, mode)

    monkeypatch.setattr(os, "open", open_named)
    buffer.append(b"1234567890")
    assert (_read(buffer.getfile()), list(scratch.iterdir())) == ([b"1234567890"], [])


def test_without_room_it_lets_go_of_what_it_took(buffer: BodyBuffer, monkeypatch: pytest.MonkeyPatch) -> None:
    full = Path("/dev/full").open("w+b")  # noqa: SIM115  # closed with the buffer
    monkeypatch.setattr("glyphd.server.spools.unnamed_file", lambda: full)
    with pytest.raises(OSError, match="No space left"):
        buffer.append(b"1234567890")
    assert full.closed


@pytest.mark.parametrize("number_of_appends", [0, 1, 2])
def test_closed_it_leaves_nothing_open(buffer: BodyBuffer, number_of_appends: int) -> None:
    for _ in range(number_of_appends):
        buffer.append(b"1234567890")
    body = buffer.getfile()
    buffer.close()
    assert (body.file if isinstance(body, Spool) else body).closed


def test_what_a_form_has_before_its_file_lies_apart(form_buffer: BodyBuffer) -> None:
    body = form_buffer.getfile()
    assert isinstance(body, Spool)
    lead, last, file = _read(body)
    at = PLAIN.index(CSV)
    assert (lead + last, len(last), file) == (PLAIN[:at], 1, PLAIN[at:])
    assert len(form_buffer) == len(PLAIN)


def test_a_spool_says_where_its_file_begins(form_buffer: BodyBuffer) -> None:
    body = form_buffer.getfile()
    assert isinstance(body, Spool)
    found = [body.at_file]
    while body.read(10):
        found.append(body.at_file)
    assert found.count(True) == 1
    assert found.index(True) == -(-(PLAIN.index(CSV) - 1) // 10) + 1


GUESSES: dict[str, tuple[str, bytes, Callable[[bytes], int]]] = {
    "raw": ("text/csv", PLAIN, lambda _: 0),
    "a form": (FORM, PLAIN, lambda body: body.index(CSV)),
    "fields first": (
        FORM,
        form(Part("source", b"x"), Part("file", CSV, "file")).body,
        lambda body: body.index(CSV),
    ),
    "no quotes": (FORM, PLAIN.replace(b'"', b""), lambda body: body.index(CSV)),
    "another name": (FORM, form(Part("data", CSV, "file")).body, lambda _: 0),
    "headers without an end": (FORM, PLAIN[: PLAIN.index(CSV) - 2], lambda _: 0),
}


@pytest.mark.parametrize(("content_type", "body", "expected"), GUESSES.values(), ids=GUESSES.keys())
def test_where_the_file_of_a_body_begins(content_type: str, body: bytes, expected: Callable[[bytes], int]) -> None:
    assert lead_length(content_type, body) == expected(body)
