"""Bodies that our server received into a file: the store takes it over, and keeps what it would have written."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import pytest
from bottle import request

from glyphd.api.bodies import receive_upload
from glyphd.errors import GlyphdError
from glyphd.request_errors import MalformedBody, TooLarge
from glyphd.scratch import unnamed_file
from glyphd.server.spools import BodyBuffer
from glyphd.settings import Settings
from glyphd.uploads import HEAD_BYTES, LocalUploads, Spool
from tests.http.forms import Part, Sent, every_form, form

CSV = b"model,price_usd,score\r\n\r\nL4,2400.5,0.7\r\n\r\n--a-bound\r\n"
LARGE = b"model,price_usd,score\n" + b"L4,2400.5,0.7\n" * 2_000_000
FILE = Part("file", CSV, "offers.csv", "text/csv")
BODIES = every_form(CSV) | {
    "fields before": form(Part("source", b"x"), Part("description", b"file"), FILE),
    "fields after": form(FILE, Part("source", b"x")),
    "a field that looks like the file": form(Part("source", b'name="file"\r\n\r\nL4'), FILE),
    "large": Sent(LARGE, "text/csv"),
    "large form": form(Part("source", b"x"), Part("file", LARGE, "offers.csv"), Part("description", b"y" * 9000)),
}


@dataclass(frozen=True)
class Received:
    """What became of a body; `is_same_file`: the store keeps the very file that it was received into."""

    fields: list[tuple[str, str]]
    size: int
    sha256: str
    head: bytes
    kept: bytes
    is_same_file: bool


@pytest.fixture(autouse=True)
def _on_one_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.fixture
def uploads(tmp_path: Path) -> Iterator[LocalUploads]:
    uploads = LocalUploads(tmp_path / "uploads")
    yield uploads
    assert not list(uploads.folder.glob("*.part"))


def _bind(sent: Sent, body: object) -> None:
    told = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in sent.headers.items()}
    length = {"CONTENT_LENGTH": str(len(sent.body)), "CONTENT_TYPE": sent.content_type}
    request.bind({"wsgi.input": body, "REQUEST_METHOD": "POST", **length, **told})


def _receive(uploads: LocalUploads, sent: Sent, body: Spool | BinaryIO, settings: Settings | None = None) -> Received:
    _bind(sent, body)
    with body.file if isinstance(body, Spool) else body as spooled, uploads.receive() as receiving:
        found = receive_upload(receiving, settings or Settings(), lambda *_: None)
        told = (found.fields, receiving.size, receiving.sha256, receiving.head)
        receiving.keep("a.csv")
        with uploads.open("a.csv") as file:
            return Received(*told, file.read(), os.path.sameopenfile(file.fileno(), spooled.fileno()))


def _spooled(sent: Sent) -> Spool:
    """As the server would have received it, in blocks of which the first overflows."""
    buffer = BodyBuffer(sent.content_type, most_in_memory=1)
    for begin in range(0, len(sent.body), 65536):
        buffer.append(sent.body[begin : begin + 65536])
    body = buffer.getfile()
    assert isinstance(body, Spool)
    return body


def _file(data: bytes) -> BinaryIO:
    file = unnamed_file()
    file.write(data)
    file.seek(0)
    return file


@pytest.mark.parametrize("name", BODIES)
def test_it_makes_no_difference_to_what_is_kept(uploads: LocalUploads, name: str) -> None:
    sent = BODIES[name]
    plain, spooled = _receive(uploads, sent, _file(sent.body)), _receive(uploads, sent, _spooled(sent))
    for attribute in ("fields", "size", "sha256", "head", "kept"):
        assert getattr(spooled, attribute) == getattr(plain, attribute)
    assert (spooled.size, spooled.sha256) == (len(spooled.kept), sha256(spooled.kept).hexdigest())
    assert spooled.head == spooled.kept[:HEAD_BYTES]


@pytest.mark.parametrize("name", [name for name in BODIES if name not in ("JSON", "a field that looks like the file")])
def test_the_very_file_is_kept(uploads: LocalUploads, name: str) -> None:
    assert _receive(uploads, BODIES[name], _spooled(BODIES[name])).is_same_file


@pytest.mark.parametrize("name", ["multipart", "fields before", "fields after"])
def test_wherever_a_form_is_cut_the_file_is_whole(uploads: LocalUploads, name: str) -> None:
    sent = BODIES[name]
    taken = 0
    for at in range(len(sent.body)):
        received = _receive(uploads, sent, Spool(sent.body[:at], _file(sent.body[at:])))
        assert received.kept == CSV
        taken += received.is_same_file
    assert taken == 1


def test_a_form_that_breaks_off_leaves_nothing(uploads: LocalUploads) -> None:
    whole = BODIES["large form"]
    sent = Sent(whole.body[:-20], whole.content_type)
    with pytest.raises(MalformedBody):
        _receive(uploads, sent, _spooled(sent))
    assert not list(uploads.folder.iterdir())


@pytest.mark.parametrize("name", ["large", "large form"])
def test_too_large_a_file_leaves_nothing(uploads: LocalUploads, name: str) -> None:
    settings = Settings(max_upload_bytes=len(LARGE) - 1)
    with pytest.raises(TooLarge):
        _receive(uploads, BODIES[name], _spooled(BODIES[name]), settings)
    assert not list(uploads.folder.iterdir())


def test_nothing_is_adopted_for_a_body_of_another_type(uploads: LocalUploads) -> None:
    sent = Sent(LARGE, "text/html")
    with pytest.raises(GlyphdError):
        _receive(uploads, sent, _spooled(sent))
    assert not list(uploads.folder.iterdir())
