"""The Prefer header is read as defined in RFC 7240."""

import pytest

from glyphd.api.preferences import read_preferences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("wait=10", {"wait": "10"}),
        ("Respond-Async, WAIT=10", {"respond-async": "", "wait": "10"}),
        ("respond-async,wait=10", {"respond-async": "", "wait": "10"}),
        ('wait = "10"', {"wait": "10"}),
        (r'foo="a, \"wait=9\"; b", wait=10', {"foo": 'a, "wait=9"; b', "wait": "10"}),
        ("return=minimal; wait=9, respond-async", {"return": "minimal", "respond-async": ""}),
        ('priority=5; note="x, wait=9"; b, wait=10 ; c=d', {"priority": "5", "wait": "10"}),
        ('wait="", respond-async=""', {"wait": "", "respond-async": ""}),
        ("wait=1, wait=60", {"wait": "1"}),
        (", ,;, =5, wait=10", {"wait": "10"}),
        ('wait="10', {}),
        ("await=9", {"await": "9"}),
    ],
)
def test_preferences(text: str, expected: dict[str, str]) -> None:
    assert read_preferences(text) == expected


@pytest.mark.parametrize(
    "text", ['"\\' * 8000, "a" + " " * 30_000 + "b", "a=" + " " * 30_000 + '"', "a" * 30_000 + '"']
)
def test_what_takes_a_careless_pattern_minutes_is_nothing(text: str) -> None:
    assert read_preferences(text) == {}
