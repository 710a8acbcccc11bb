"""Reading the kept file: in chunks that fit into memory, and no further once the reading must
stop."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import pytest

from glyphd.contracts.column_names import HeaderMap
from glyphd.db.registry_models import Job
from glyphd.importing.file_rows import Place, Row
from glyphd.importing.kept_files import READ_BYTES, GoOn, open_kept
from glyphd.importing.reading import CHUNK_BYTES, CHUNK_ROWS, in_chunks
from tests.service import Service

HEADER = HeaderMap((), {}, (), ())
START = b"model,price_usd,score\nA,1,0.5\n"


def _rows(lengths: list[int]) -> Iterator[Row]:
    for number, length in enumerate(lengths, start=1):
        yield Row(Place(number, number, 0, length), None, HEADER)


@pytest.mark.parametrize(
    ("lengths", "sizes"),
    [
        ([], []),
        ([1] * 3, [3]),
        ([1] * (CHUNK_ROWS + 1), [CHUNK_ROWS, 1]),
        ([CHUNK_BYTES] * 3, [1, 1, 1]),
        ([CHUNK_BYTES - 1, 1, 1], [2, 1]),
        ([1] * (CHUNK_ROWS - 1) + [CHUNK_BYTES, 1], [CHUNK_ROWS, 1]),
    ],
)
def test_a_chunk_is_bounded_by_rows_and_by_bytes(lengths: list[int], sizes: list[int]) -> None:
    assert [len(chunk) for chunk in in_chunks(_rows(lengths))] == sizes


class Stop(Exception):
    """Raised by a worker that must stop."""


LONG = {
    "one line": START + b"x" * 4 * READ_BYTES,
    "blank lines": START + b"\n" * 4 * READ_BYTES,
    "gzip of nothing, again and again": gzip.compress(START, mtime=0)
    + gzip.compress(b"", mtime=0) * 20_000,
    "zeros behind the gzip": gzip.compress(START, mtime=0) + b"\0" * 200_000,
}


@pytest.mark.every_way
@pytest.mark.parametrize("file", LONG.values(), ids=LONG.keys())
def test_no_stretch_without_a_row_is_too_long_to_stop_in(service: Service, file: bytes) -> None:
    """The whole file is less than one chunk of rows."""
    packed = {"Content_Encoding": "gzip"} if file.startswith(b"\x1f") else {}
    job = service.services.registry.find_import(service.upload(file, **packed).json["import_id"])
    assert job is not None
    assert len(list(_looks(service, job))) >= 4


def _looks(service: Service, job: Job) -> Iterator[Any]:
    looked: list[None] = []
    with _text(service, job, lambda: looked.append(None)) as text:
        while text.readline(READ_BYTES):
            pass
    yield from looked


@contextmanager
def _text(service: Service, job: Job, go_on: GoOn) -> Iterator[BinaryIO]:
    limit = service.settings.max_unpacked_bytes
    with open_kept(service.services.uploads, job, max_unpacked_bytes=limit, go_on=go_on) as (
        _,
        text,
    ):
        yield text


@pytest.mark.every_way
def test_reading_ends_when_it_is_told_to(service: Service) -> None:
    job = service.services.registry.find_import(service.upload(LONG["one line"]).json["import_id"])
    assert job is not None

    def stop() -> None:
        raise Stop

    with pytest.raises(Stop), _text(service, job, stop) as text:
        text.readline()
