"""The door: what it finds in the first block of an upload."""

import gzip
import time
import zlib

import pytest

from glyphd.contracts.import_options import Delimiter, ImportOptions
from glyphd.errors import FileRefused
from glyphd.importing.door import Admitted, FirstBlock, check_door
from glyphd.importing.encodings import canonical_encoding
from glyphd.request_errors import InvalidParameter

HEADER = b"model,price_usd,score\n"
ROW = b"A,1,0.5\n"
LONGEST_BLOCK = 128 * 1024


def _admit(
    data: bytes, *, is_all: bool = True, packed: bool = False, delimiter: Delimiter | None = None
) -> Admitted:
    return check_door(
        FirstBlock(data, is_all, packed),
        ImportOptions.model_validate({"delimiter": delimiter}),
        max_columns=1000,
    )


def _refuse(data: bytes, *, is_all: bool = True, packed: bool = False) -> FileRefused:
    with pytest.raises(FileRefused) as refused:
        _admit(data, is_all=is_all, packed=packed)
    return refused.value


def test_tells_how_the_worker_has_to_read_the_file() -> None:
    admitted = _admit(b"model;price;score\nA;1;0.5\n")
    assert (admitted.layout.encoding, admitted.layout.delimiter) == ("utf-8", ";")
    assert admitted.header.positions == {"model": 0, "price_usd": 1, "score": 2}


@pytest.mark.parametrize(
    ("header", "delimiter"),
    [
        ("model,price_usd,score", ","),
        ("model;price_usd;score", ";"),
        ("model\tprice_usd\tscore", "tab"),
        ("model|price_usd|score", "|"),
        ("model;price_usd;score;a,b,c,d,e,f", ";"),
        ('"model";"price_usd";"score";"x,y"', ";"),
        ("model,price_usd,score,a|b|c|d|e|f", ","),
    ],
)
def test_the_delimiter_is_the_one_that_gives_the_most_known_columns(
    header: str, delimiter: str
) -> None:
    assert _admit(f"{header}\nA\n".encode()).layout.delimiter == delimiter


def test_a_comma_is_assumed_where_nothing_tells() -> None:
    assert _refuse(b"x\ny\n").members["delimiter"] == ","


def test_a_delimiter_that_was_given_is_taken() -> None:
    assert _admit(HEADER + ROW, delimiter=",").layout.delimiter == ","
    with pytest.raises(FileRefused, match="separated by ';'"):
        _admit(HEADER + ROW, delimiter=";")


def test_a_header_without_rows_is_refused_only_when_that_is_all() -> None:
    assert "no rows" in _refuse(HEADER).detail
    assert _admit(HEADER, is_all=False).layout.delimiter == ","


@pytest.mark.parametrize(
    "row", [b"A\xff,1,0.5\n", b"A\0,1,0.5\n", b"A\n", b'"A,1,0.5\n', b"A,\xe2\x82"]
)
def test_a_row_that_cannot_be_read_is_left_to_the_import(row: bytes) -> None:
    assert _admit(HEADER + row).header.names == ("model", "price_usd", "score")


def test_a_block_that_ends_in_the_middle_of_a_row_is_enough() -> None:
    assert _admit(HEADER + "Café".encode()[:-1], is_all=False).layout.delimiter == ","


def test_a_packed_block_that_ends_anywhere_behind_the_header_is_enough() -> None:
    noise = bytes(range(32, 127)) * 2000
    packed = gzip.compress(HEADER + noise)
    assert _admit(packed[:-50], is_all=False, packed=True).layout.delimiter == ","


def test_of_a_packed_block_no_more_than_a_block_is_unpacked() -> None:
    packed = gzip.compress(b"x" * 50_000_000)
    assert len(packed) < LONGEST_BLOCK
    assert len(_refuse(packed, packed=True).detail) < 1000


def test_a_broken_stream_is_refused() -> None:
    packed = bytearray(gzip.compress(HEADER + ROW))
    packed[12] ^= 0xFF
    assert _refuse(bytes(packed), packed=True).members["found"] == "bytes that are not gzip"
    assert (
        _refuse(zlib.compress(HEADER + ROW), packed=True).members["found"]
        == "bytes that are not gzip"
    )


@pytest.mark.parametrize(
    "start", [b"PK\x03\x04", b"\x1f\x8b\x08", b"\xff\xfem\0", b"\xfe\xff\0m", b"%PDF-1.7", b"PAR1"]
)
def test_other_formats_are_called_by_name(start: bytes) -> None:
    assert "not CSV but" in _refuse(start + HEADER + ROW).detail


def test_a_nul_byte_before_the_first_line_end_is_no_csv() -> None:
    assert _refuse(b"\x7fELF\x02\x01\0\0\n" + ROW).members["found"] == "binary data"


@pytest.mark.parametrize(
    ("header", "what"),
    [
        (b'"model"x,price_usd,score\n', "text after a closing quote"),
        (b'model,price_usd,score,"a\n\xff"\n', "byte 1 of the line is ff"),
        (b'model,price_usd,score,"a\n\0"\n', "NUL"),
        (b'"model,price_usd,score\n', "quote opened in the record at line 1"),
        (b"model,price_usd,\xff\n", "can't be decoded as utf-8"),
        (b"model,price_usd,score\rA,1,0.5\r", "carriage return"),
    ],
)
def test_a_header_that_cannot_be_read_is_refused_with_the_reason(header: bytes, what: str) -> None:
    assert what in _refuse(header + HEADER + ROW).detail


def test_missing_columns_come_with_the_nearest_names_and_what_was_found() -> None:
    error = _refuse(b"Modell,Betrag,Scores\nA,1,0.5\n")
    assert error.members == {
        "missing": ["model", "price_usd", "score"],
        "nearest": {"model": "Modell", "price_usd": None, "score": "Scores"},
        "found": ["Modell", "Betrag", "Scores"],
        "delimiter": ",",
        "suggested": {},
    }


@pytest.mark.parametrize(
    "header", [b"x" * 100_000, b"x," * 999, b"," * 999, b"model,Model," + b"y" * 100_000]
)
def test_a_monstrous_header_is_refused_in_few_words(header: bytes) -> None:
    error = _refuse(header + b"\nA\n")
    assert len(error.detail) < 3000
    assert sum(map(len, error.members["found"])) <= 100 * 200


@pytest.mark.parametrize("header", [b"x" * LONGEST_BLOCK, b'"' + b"x" * (LONGEST_BLOCK - 1)])
def test_a_header_beyond_the_first_block_is_refused(header: bytes) -> None:
    assert _refuse(header, is_all=False).code == "file_refused"


@pytest.mark.parametrize("name", [b"x", b"model", b"a column of another name"])
def test_a_header_that_is_cut_off_with_the_first_block_is_refused_though_its_names_would_do(
    name: bytes,
) -> None:
    start = HEADER[:-1] + b","
    error = _refuse(start + name + b"." * (LONGEST_BLOCK - len(start) - len(name)), is_all=False)
    assert (error.members, str(LONGEST_BLOCK) in error.detail) == ({"line": 1}, True)


def test_a_header_that_ends_with_the_first_block_is_enough() -> None:
    padding = b"." * (LONGEST_BLOCK - len(HEADER) - 2)
    assert _admit(HEADER[:-1] + b",x" + padding + b"\n", is_all=False).layout.delimiter == ","


def test_a_header_may_have_so_many_columns_and_no_more() -> None:
    names = [b"model", b"price_usd", b"score", *(b"x%d" % at for at in range(997))]
    assert len(_admit(b",".join(names) + b"\n" + ROW).header.names) == 1000
    error = _refuse(b"\n\n" + b",".join([*names, b"y"]) + b"\n" + ROW)
    assert error.members == {"line": 3}
    assert "1001 columns" in error.detail
    assert "1000" in error.detail


@pytest.mark.parametrize(
    "names", [[b"%x" % at for at in range(15_000)] * 2, [b""] * 130_000, [b"model"] * 20_000]
)
def test_a_header_of_very_many_names_is_refused_at_once(names: list[bytes]) -> None:
    """Comparing each name with all the others would take minutes."""
    began = time.process_time()
    _refuse(b",".join(names)[: LONGEST_BLOCK - 3] + b"\nA\n")
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        (None, "utf-8"),
        ("UTF8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("latin-1", "iso8859-1"),
        ("Windows-1252", "cp1252"),
        ("GBK", "gbk"),
    ],
)
def test_an_encoding_has_one_name(name: str | None, canonical: str) -> None:
    assert canonical_encoding(name) == canonical


@pytest.mark.parametrize(
    "name",
    [
        "utf-16",
        "utf-32-le",
        "utf-7",
        "cp037",
        "rot13",
        "base64",
        "idna",
        "punycode",
        "unicode_escape",
        "klingon",
        "a\0",
        "ä",
    ],
)
def test_an_encoding_whose_line_ends_or_quotes_are_other_bytes_is_refused(name: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        canonical_encoding(name)
    assert refused.value.members == {"parameter": "encoding", "value": name}
