"""Physical lines: numbers, offsets and flaws, for any bytes."""

import io
from collections.abc import Iterator

import pytest

from glyphd.errors import UnreadableFile
from glyphd.importing.lines import Flaw, PhysicalLines


def _lines(data: bytes, *, encoding: str = "utf-8", max_bytes: int = 100) -> PhysicalLines:
    return PhysicalLines(io.BytesIO(data), encoding=encoding, max_bytes=max_bytes)


def _flaws(lines: PhysicalLines) -> list[tuple[int, str]]:
    """The flaw of each line that has one."""
    return [(number, flaw.code) for number, _, flaw in _records(lines) if flaw is not None]


def _records(lines: PhysicalLines) -> Iterator[tuple[int, str, Flaw | None]]:
    """Each line as a separate record: its number, its text and its flaw."""
    lines.begin_record()
    for text in lines:
        yield lines.number, text, lines.flaw
        lines.begin_record()


def test_lines_keep_their_ends() -> None:
    assert list(_lines(b"a\r\nb\n\nc")) == ["a\r\n", "b\n", "\n", "c"]


def test_only_a_line_feed_ends_a_line() -> None:
    text = "a\rb\x0bc\x0cd\x1ce\x85f\u2028g\u2029h\n"
    assert list(_lines(text.encode())) == [text]


def test_lines_are_numbered_from_one_and_offsets_are_bytes_behind_them() -> None:
    lines = _lines("ä\nbc\n".encode())
    assert [(lines.number, lines.offset) for _ in lines] == [(1, 3), (2, 6)]


def test_a_byte_order_mark_is_taken_off_the_first_line_only() -> None:
    lines = _lines(b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n")
    assert list(lines) == ["a\n", "\ufeffb\n"]
    assert lines.offset == 10


def test_in_another_encoding_the_same_bytes_are_text() -> None:
    assert list(_lines(b"\xef\xbb\xbfa\n", encoding="cp1252")) == ["ï»¿a\n"]


def test_flaws_are_noted_and_the_lines_behind_them_are_read() -> None:
    lines = _lines(b"a\0b\n\xff\n" + b"x" * 101 + b"\ny\n")
    assert _flaws(lines) == [(1, "nul_character"), (2, "undecodable"), (3, "line_too_long")]
    assert (lines.number, lines.offset) == (4, 110)


def test_the_first_flaw_of_a_record_stands() -> None:
    lines = _lines(b"\0\n\xff\n")
    list(lines)
    assert lines.flaw == Flaw("nul_character", "contains a NUL character")


def test_an_undecodable_byte_is_named_with_its_place() -> None:
    lines = _lines(b"Caf\xe9,1\n")
    assert list(lines) == ["Caf\ufffd,1\n"]
    assert lines.flaw == Flaw("undecodable", "can't be decoded as utf-8: byte 4 of the line is e9")


@pytest.mark.parametrize("end", [b"\n", b""])
def test_the_longest_line_counts_with_its_end(end: bytes) -> None:
    assert _flaws(_lines(b"x" * (100 - len(end)) + end)) == []
    assert _flaws(_lines(b"x" * 101 + end)) == [(1, "line_too_long")]


@pytest.mark.parametrize("quotes", [0, 2, 4])
def test_an_over_long_line_whose_quotes_are_pairs_is_given_as_a_blank_one(quotes: int) -> None:
    lines = _lines(b"x" * 150 + b'"' * quotes + b"y" * 150 + b"\nz\n")
    assert [text for _, text, _ in _records(lines)] == ["\n", "z\n"]


@pytest.mark.parametrize("end", [b"", b"\n", b"\nz\n"])
@pytest.mark.parametrize("quotes", [1, 3])
def test_after_an_over_long_line_with_a_quote_too_many_nobody_can_read_on(
    quotes: int, end: bytes
) -> None:
    lines = _lines(b"a\n" + b"x" * 150 + b'"' * quotes + b"y" * 150 + end)
    with pytest.raises(UnreadableFile) as unreadable:
        list(_records(lines))
    assert unreadable.value.members == {"line": 2}


def test_the_quotes_of_an_over_long_line_are_counted_as_characters() -> None:
    """In ISO-2022-JP the second byte of あ is that of a quotation mark."""
    text = "あ" * 101
    lines = _lines(f"{text}\nz\n".encode("iso2022_jp"), encoding="iso2022_jp")
    assert [line for _, line, _ in _records(lines)] == ["\n", "z\n"]


def test_lines_of_one_record_may_together_be_as_long_as_one_line() -> None:
    lines = _lines(b"x" * 49 + b"\n" + b"y" * 49 + b"\n")
    assert len(list(lines)) == 2


@pytest.mark.parametrize("second", [b"y" * 50 + b"\n", b"y" * 500, b'"' * 500])
def test_a_record_that_grows_from_line_to_line_is_cut_off(second: bytes) -> None:
    lines = _lines(b"a\n" + b"x" * 49 + b"\n" + second)
    given = iter(lines)
    next(given)
    lines.begin_record()
    next(given)
    with pytest.raises(UnreadableFile) as unreadable:
        next(given)
    assert unreadable.value.members == {"line": 2}
