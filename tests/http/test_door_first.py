"""The door checks an upload before it costs anything: no byte of a refused one is digested or
synced."""

import io
import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from webtest import TestApp, TestRequest

from glyphd.api.body_blocks import BLOCK
from glyphd.contracts.columns import COLUMN_NAMES
from glyphd.private_files import make_folder
from glyphd.server.spools import BodyBuffer
from glyphd.uploads import HEAD_BYTES, local
from tests.http.forms import Part, Sent, form
from tests.service import Service, StartService, problem

MIB = 1 << 20
FEWEST_COLUMNS = len(COLUMN_NAMES)
ROW = b"L4,2400.5,0.7\n"
ZIP = b"PK\x03\x04" + b"\x01" * 9 * MIB
WITHOUT_SCORE = b"model,price_usd\n" + b"L4,2400.5\n" * 900_000
IN_CP1252 = "model,price_usd,score,Größe\n".encode("cp1252") + b"L4,2400.5,0.7,1\n" * 30_000
SOURCE, ENCODING = Part("source", b"a"), Part("encoding", b"cp1252")


def _file(data: bytes) -> Part:
    return Part("file", data, "offers.csv", "text/csv")


REFUSED = {
    "a raw zip": Sent(ZIP, "text/csv"),
    "a raw zip that is said to be gzip": Sent(ZIP, "application/gzip"),
    "a raw file without a column": Sent(WITHOUT_SCORE, "text/csv"),
    "a zip in a form": form(SOURCE, _file(ZIP)),
    "a zip in a form with fields behind it": form(_file(ZIP), SOURCE),
    "a form without a column": form(SOURCE, _file(WITHOUT_SCORE)),
    "a form without a column, with fields behind it": form(_file(WITHOUT_SCORE), SOURCE),
}


class Counting(io.BytesIO):
    """A body from another WSGI server; it counts the bytes that were read."""

    read_bytes = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.read_bytes += len(data)
        return data


def _spooled(sent: Sent) -> Any:
    """A body from our server: in a file."""
    buffer = BodyBuffer(most_in_memory=1)
    for begin in range(0, len(sent.body), BLOCK):
        buffer.append(sent.body[begin : begin + BLOCK])
    return buffer.getfile()


def _streamed(sent: Sent) -> Any:
    return Counting(sent.body)


def _send(service: Service, sent: Sent, body: Any, status: int) -> Any:
    headers = {"Content-Type": sent.content_type, "Content-Length": str(len(sent.body))}
    unlinted = TestApp(service.http.app, lint=False)
    with body:
        return unlinted.do_request(_request(headers, body), status=status)


def _request(headers: dict[str, str], body: Any) -> TestRequest:
    made = TestRequest.blank("/api/import", method="POST", headers=headers)
    made.environ["wsgi.input"] = body
    return made


def _wide(rows: int) -> bytes:
    """A file with more columns than the strictest service accepts."""
    more = FEWEST_COLUMNS
    header = ",".join(["model,price_usd,score", *(f"note_{number}" for number in range(more))])
    return f"{header}\n".encode() + (ROW.strip() + b"," * more + b"\n") * rows


def _costs_too_much(*_: Any) -> Any:
    raise AssertionError("a refused upload was digested or synced")


@pytest.fixture(autouse=True)
def _on_one_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.mark.parametrize("arrive", [_spooled, _streamed])
@pytest.mark.parametrize("kind", REFUSED)
def test_a_refused_upload_is_neither_digested_nor_synced(
    service: Service, monkeypatch: pytest.MonkeyPatch, kind: str, arrive: Callable[[Sent], Any]
) -> None:
    make_folder(service.settings.uploads_dir)  # which is synced once, when it is created
    for owner, name in ((os, "fsync"), (local, "FollowingDigest"), (local, "sha256")):
        monkeypatch.setattr(owner, name, _costs_too_much)
    answer = _send(service, REFUSED[kind], arrive(REFUSED[kind]), 422)
    assert problem(answer)["code"] == "file_refused"
    assert service.kept() == []


@pytest.mark.parametrize("kind", [kind for kind in REFUSED if "zip" in kind or "raw" in kind])
def test_what_no_option_can_mend_is_refused_before_the_rest_is_read(
    service: Service, kind: str
) -> None:
    body = Counting(REFUSED[kind].body)
    _send(service, REFUSED[kind], body, 422)
    assert HEAD_BYTES <= body.read_bytes <= HEAD_BYTES + 2 * BLOCK


@pytest.mark.parametrize("arrive", [_spooled, _streamed])
@pytest.mark.parametrize("parts", [(ENCODING, _file(IN_CP1252)), (_file(IN_CP1252), ENCODING)])
def test_an_option_may_follow_the_file_that_needs_it(
    service: Service, parts: tuple[Part, ...], arrive: Callable[[Sent], Any]
) -> None:
    sent = form(*parts)
    status = _send(service, sent, arrive(sent), 202).json
    assert (status["sha256"], status["encoding"]) == (sha256(IN_CP1252).hexdigest(), "cp1252")


def test_a_known_key_is_answered_though_the_door_would_refuse_the_file_by_now(
    start_service: StartService,
) -> None:
    csv = _wide(1)
    first = start_service().upload(csv, Idempotency_Key="monday").json["import_id"]
    stricter = start_service(max_columns=FEWEST_COLUMNS)
    assert stricter.upload(csv, Idempotency_Key="monday").json["import_id"] == first
    stricter.post(
        "/api/import", csv, {"Content-Type": "text/csv", "Idempotency-Key": "tuesday"}, status=422
    )


def test_a_large_upload_with_a_known_key_is_answered_too(start_service: StartService) -> None:
    csv = _wide(10_000)
    first = start_service().upload(csv, Idempotency_Key="monday").json["import_id"]
    assert (
        start_service(max_columns=FEWEST_COLUMNS)
        .upload(csv, Idempotency_Key="monday")
        .json["import_id"]
        == first
    )
