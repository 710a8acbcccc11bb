"""Answers about models and pairs of imports are kept until the archive changes, and computed once
for any number of clients."""

from threading import Barrier, Event, Thread

import pytest

from glyphd.history import remembered_history
from glyphd.history.market_models import Models
from glyphd.history.remembered_history import RememberedHistory
from glyphd.history.series import SeriesRow
from glyphd.storage.stores import DatabaseListingStore
from tests.history.random_markets import fill


class Counting:
    """Replaces the computation of one model's row, and counts its calls."""

    def __init__(self) -> None:
        self.count = 0
        self.begun, self.go = Event(), Event()
        self.go.set()

    def __call__(self, *asked: object) -> SeriesRow | None:
        self.begun.set()
        assert self.go.wait(10)
        self.count += 1
        return ["a row"]


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    counting = Counting()
    monkeypatch.setattr(remembered_history, "find_model", counting)
    return counting


def test_a_model_is_computed_once_for_each_name_and_state(
    store: DatabaseListingStore, counting: Counting
) -> None:
    remembered = RememberedHistory(store.database)
    with store.database.connection_context():
        for name in ("L4", "l4", " L4 ", "H100", "L4"):
            remembered.find_model(name)
    assert counting.count == 2
    fill(store, 1)
    with store.database.connection_context():
        remembered.find_model("L4")
    assert counting.count == 3


def test_what_takes_too_much_memory_goes_the_longest_unused_first(
    store: DatabaseListingStore, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = remembered_history._size_of(["a row"])
    monkeypatch.setattr(remembered_history, "KEPT_BYTES", 2 * size)
    remembered = RememberedHistory(store.database)
    with store.database.connection_context():
        for name, computed in zip("abacab", [1, 2, 2, 3, 3, 4], strict=True):
            remembered.find_model(name)
            assert counting.count == computed


def test_a_long_series_is_read_each_time(
    store: DatabaseListingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, 4)
    remembered = RememberedHistory(store.database)
    with store.database.connection_context():
        kept = list(remembered.rows(Models(store.database)))
        monkeypatch.setattr(remembered_history, "MOST_ROWS", 0)
        assert kept == list(RememberedHistory(store.database).rows(Models(store.database))) != []


def test_what_failed_is_tried_again(
    store: DatabaseListingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([ZeroDivisionError, None])

    def find(*asked: object) -> None:
        failure = next(answers)
        if failure is not None:
            raise failure

    monkeypatch.setattr(remembered_history, "find_model", find)
    remembered = RememberedHistory(store.database)
    with store.database.connection_context():
        with pytest.raises(ZeroDivisionError):
            remembered.find_model("L4")
        assert remembered.find_model("L4") is None


def test_those_who_ask_meanwhile_wait_for_it(
    store: DatabaseListingStore, counting: Counting
) -> None:
    remembered = RememberedHistory(store.database)
    together = Barrier(8)
    found: list[SeriesRow | None] = []
    counting.go.clear()

    def ask() -> None:
        with store.database.connection_context():
            together.wait(10)
            found.append(remembered.find_model("L4"))

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert counting.begun.wait(10)
    counting.go.set()
    for thread in threads:
        thread.join(10)
    assert (found, counting.count) == ([["a row"]] * 8, 1)
