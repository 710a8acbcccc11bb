"""A count agrees with its noun."""

import pytest

from glyphd.plurals import counted, noun_for


@pytest.mark.parametrize(
    ("count", "expected"), [(0, "0 errors"), (1, "1 error"), (2, "2 errors"), (1000, "1000 errors")]
)
def test_a_count_agrees_with_its_noun(count: int, expected: str) -> None:
    assert counted(count, "error") == expected


def test_a_plural_can_be_given() -> None:
    assert counted(1, "row repeats", "rows repeat") == "1 row repeats"
    assert counted(3, "row repeats", "rows repeat") == "3 rows repeat"
    assert noun_for(2, "child", "children") == "children"
