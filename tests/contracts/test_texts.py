"""How texts are stored and compared: what is trimmed, what becomes one space, and that doing it
again changes nothing."""

import pytest
from hypothesis import given, strategies as st

from glyphd.contracts.cells import TextCell
from glyphd.contracts.texts import clean_text, is_blank, trimmed, unwrapped

TEXTS = st.text(max_size=20) | st.text(
    alphabet=' \t\n\xa0\u200b\ufeff\xad\u2000e\u0301\u0958="', max_size=10
)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("RTX A6000", "RTX A6000"),
        ("  RTX \t A6000\n", "RTX A6000"),
        ("RTX\xa0\u2009A6000", "RTX A6000"),
        ("\ufeff\u200bGX\u00ad\u200f ", "GX"),
        ("\u2067 GX \u2069\u200d", "GX"),
        ("Cafe\u0301", "Café"),
        ("a\u200bb", "a\u200bb"),
        (" \u200b \ufeff", ""),
    ],
)
def test_a_text_is_cleaned(text: str, clean: str) -> None:
    assert clean_text(text) == clean


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        ('="007"', "007"),
        ('=" 7 "', "7"),
        ('="7"" disk"', '7" disk'),
        ('=""', ""),
        ('="7', '="7'),
        ('="a"b"', '="a"b"'),
        ('="=""x"""', '="=""x"""'),
        ("=1+1", "=1+1"),
    ],
)
def test_the_wrapper_of_excel_is_removed(text: str, inner: str) -> None:
    assert unwrapped(text) == inner


@given(TEXTS)
def test_a_text_that_was_cleaned_or_unwrapped_stays(text: str) -> None:
    for change in (clean_text, trimmed, lambda found: unwrapped(trimmed(found))):
        assert change(change(text)) == change(text)


@given(st.lists(TEXTS, max_size=4), st.booleans())
def test_many_cells_are_read_as_each_is(texts: list[str], cleaned: bool) -> None:
    cell = TextCell(cleaned=cleaned)
    assert cell.read_all(texts) == [cell.read(text) for text in texts]


def test_texts_without_a_visible_character_are_blank() -> None:
    assert is_blank([])
    assert is_blank(["", " \xa0", "\u200b"])
    assert not is_blank(["", "0"])
