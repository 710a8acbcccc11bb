"""Answers are kept until the archive changes, and computed once however many ask."""

from itertools import count
from threading import Barrier, Event, Thread

import pytest

from glyphd.history.remembering import Remembered


def test_a_value_is_computed_once_for_each_name_and_version() -> None:
    remembered: Remembered[int] = Remembered(2)
    numbers = count(1)
    asked = [("a", "1"), ("a", "1"), ("b", "1"), ("a", "2"), ("a", "2"), ("b", "1"), ("a", "1")]
    found = [remembered.get(name, version, lambda: next(numbers)) for name, version in asked]
    assert found == [1, 1, 2, 3, 3, 2, 4]


def test_the_one_unused_for_longest_goes_first() -> None:
    remembered: Remembered[int] = Remembered(2)
    numbers = count(1)
    assert [remembered.get(name, "1", lambda: next(numbers)) for name in "abacab"] == [1, 2, 1, 3, 1, 4]


def test_none_and_empty_values_are_values() -> None:
    remembered: Remembered[list[int] | None] = Remembered(2)
    assert remembered.get("a", "1", lambda: None) is None
    assert remembered.get("a", "1", lambda: [1]) is None


def test_what_failed_is_tried_again() -> None:
    remembered: Remembered[int] = Remembered(1)
    with pytest.raises(ZeroDivisionError):
        remembered.get("a", "1", lambda: 1 // 0)
    assert remembered.get("a", "1", lambda: 2) == 2


def test_those_who_ask_meanwhile_wait_for_it() -> None:
    remembered: Remembered[int] = Remembered(1)
    together, begun, go = Barrier(8), Event(), Event()
    computed: list[int] = []
    found: list[int] = []

    def compute() -> int:
        begun.set()
        assert go.wait(10)
        computed.append(1)
        return len(computed)

    def ask() -> None:
        together.wait(10)
        found.append(remembered.get("a", "1", compute))

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert begun.wait(10)
    go.set()
    for thread in threads:
        thread.join(10)
    assert (found, computed) == ([1] * 8, [1])
