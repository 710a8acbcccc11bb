"""Physical lines: numbers, offsets and flaws, whatever the bytes are."""

import io

import pytest

from glyphd.importing.lines import Flaw, PhysicalLines


def _lines(data: bytes, *, encoding: str = "utf-8", max_bytes: int = 100) -> PhysicalLines:
    return PhysicalLines(io.BytesIO(data), encoding=encoding, max_bytes=max_bytes)


def _flaws(lines: PhysicalLines) -> list[tuple[int, str]]:
    """The flaw of each line that has one."""
    found = []
    for _ in lines:
        if lines.flaw is not None:
            found.append((lines.number, lines.flaw.code))
        lines.flaw = None
    return found


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


def test_the_first_flaw_stands_until_it_is_cleared() -> None:
    lines = _lines(b"\0\n\xff\n")
    list(lines)
    assert lines.flaw == Flaw("nul_character", "holds a NUL character")


def test_an_undecodable_byte_is_named_with_its_place() -> None:
    lines = _lines(b"Caf\xe9,1\n")
    assert list(lines) == ["Caf\ufffd,1\n"]
    assert lines.flaw == Flaw("undecodable", "can't be decoded as utf-8: byte 4 of the line is e9")


@pytest.mark.parametrize("end", [b"\n", b""])
def test_the_longest_line_counts_with_its_end(end: bytes) -> None:
    assert _flaws(_lines(b"x" * (100 - len(end)) + end)) == []
    assert _flaws(_lines(b"x" * 101 + end)) == [(1, "line_too_long")]


@pytest.mark.parametrize(("quotes", "given"), [(0, "\n"), (1, '"\n'), (2, "\n"), (3, '"\n')])
def test_of_an_over_long_line_only_an_open_quote_is_left(quotes: int, given: str) -> None:
    data = b"x" * 150 + b'"' + b"y" * 150
    assert list(_lines(data.replace(b'"', b'"' * quotes) + b"\nz\n")) == [given, "z\n"]
