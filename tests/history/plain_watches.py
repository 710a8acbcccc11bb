"""What watches must find, and how two moments differ, in plain Python: the rules of the market with
complete files, on top of the rules of offers."""

from collections import Counter
from dataclasses import dataclass

from tests.history.plain_offers import Event, Listing, PlainLedger

Found = dict[str, set[tuple[Listing, float | None, float]]]
"""The offers found by each condition, each with its previous price and its price."""


@dataclass(frozen=True)
class Shown:
    """The latest event of a listing, whether the market shows it, and whether it is distinct from
    other offers."""

    event: Event
    is_shown: bool
    is_distinct: bool


@dataclass
class PlainWatches:
    """The changes of a ledger's market."""

    ledger: PlainLedger

    def state(self) -> dict[Listing, Shown]:
        """The latest event that counts of each listing."""
        return {
            listing: Shown(event, gone is None, not self.ledger.is_indistinct(event))
            for listing, (event, gone) in self.ledger.latest().items()
        }

    def found(self, before: dict[Listing, Shown], below: float, percent: float) -> Found:
        """What each condition finds in the change from `before` to the current state."""
        names = ("new", "gone", "back", "price_below", "drop_pct", "lowest_ever")
        found: Found = {name: set() for name in names}
        for listing, now in self.state().items():
            for move, previous in self._moved(before.get(listing), now):
                price = now.event.row.price
                for condition in self._met(move, previous, now.event, below, percent):
                    found[condition].add((listing, previous, price))
        return found

    def _moved(self, was: Shown | None, now: Shown) -> list[tuple[str, float | None]]:
        if not now.is_distinct:
            return []
        if was is None:
            return [("new", None)] if now.is_shown else []
        if not was.is_distinct or was.event.thread != now.event.thread:
            return []
        previous = was.event.row.price
        if was.is_shown != now.is_shown:
            return [("back" if now.is_shown else "gone", previous)]
        has_moved = was.event != now.event and previous != now.event.row.price
        return [("price", previous)] if now.is_shown and has_moved else []

    def _met(
        self, move: str, previous: float | None, event: Event, below: float, percent: float
    ) -> list[str]:
        met = [move] if move != "price" else []
        price = event.row.price
        if move == "gone":
            return met
        if price < below and (move != "price" or (previous is not None and previous >= below)):
            met.append("price_below")
        if previous is not None and price < previous:
            if round(100 * (previous - price) / previous, 6) >= percent:
                met.append("drop_pct")
            if not any(
                other.listing == event.listing
                and other.thread == event.thread
                and other != event
                and other.row.minute <= event.row.minute
                and other.row.price <= price
                for other in self.ledger.counting()
            ):
                met.append("lowest_ever")
        return met


def difference(old: dict[Listing, Shown], new: dict[Listing, Shown]) -> dict[str, int]:
    """How many offers were added, removed, changed and unchanged between two states."""
    found = Counter(added=0, removed=0, changed=0, unchanged=0)
    before, after = _by_identity(old), _by_identity(new)
    for identity in before.keys() | after.keys():
        olds, news = before.get(identity, []), after.get(identity, [])
        if all(one.is_distinct for one in (*olds, *news)):
            _compare_distinct(olds, news, found)
            continue
        left = Counter((one.event.row.price, one.event.thread) for one in olds)
        right = Counter((one.event.row.price, one.event.thread) for one in news)
        same = (left & right).total()
        found.update(
            unchanged=same, added=right.total() - same, removed=left.total() - same, changed=0
        )
    return dict(found)


def _compare_distinct(olds: list[Shown], news: list[Shown], found: Counter[str]) -> None:
    pairs = {one.event.listing: one for one in olds}
    for one in news:
        other = pairs.get(one.event.listing)
        if other is None or other.event.thread != one.event.thread:
            found["added"] += 1
            continue
        del pairs[one.event.listing]
        is_same = other.event.row[2:4] == one.event.row[2:4]
        found["unchanged" if is_same else "changed"] += 1
    found["removed"] += len(pairs)


def _by_identity(state: dict[Listing, Shown]) -> dict[object, list[Shown]]:
    found: dict[object, list[Shown]] = {}
    for listing, shown in state.items():
        if shown.is_shown:
            found.setdefault(listing[0], []).append(shown)
    return found
