"""The rules for which rows are the same offer, in plain Python, to compare with the archive's
answers about random ledgers."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import NamedTuple

HOUR = 60
"""If an identity is absent for this many minutes, it begins another observation."""


class Row(NamedTuple):
    """One row of an import, seen at a minute."""

    seller: str | None
    url: str | None
    price: float
    score: float
    note: str | None
    minute: int

    @property
    def identity(self) -> tuple[str, str | None]:
        return (self.seller or "").lower(), self.url

    @property
    def said(self) -> tuple[object, ...]:
        return self.price, self.score, self.note


Listing = tuple[tuple[str, str | None], int]
"""An identity, and the ordinal of one of its separate offers."""


class Event(NamedTuple):
    """A row that counts: the latest one of an offer within one observation."""

    listing: Listing
    row: Row
    at: int
    sequence: int
    source: str | None
    observation: int
    group_size: int
    moment: int

    @property
    def order(self) -> tuple[int, int]:
        return self.row.minute, self.sequence

    @property
    def place(self) -> tuple[int, int]:
        return self.sequence, self.at

    @property
    def thread(self) -> str | None:
        return self.source if self.row.url is None else "any"


class Import(NamedTuple):
    """The source and the rows of an import; `received` is a minute if the import is complete."""

    source: str | None
    rows: list[Row]
    received: int | None = None

    @property
    def complete_at(self) -> int | None:
        """The minute for which the import is complete, otherwise None."""
        if self.received is None:
            return None
        return max((row.minute for row in self.rows), default=self.received)


@dataclass
class PlainLedger:
    """Imports in their order, and the numbers of those that are rolled back."""

    imports: list[Import] = field(default_factory=list)
    out: set[int] = field(default_factory=set)

    def copy(self) -> "PlainLedger":
        """A copy of the current state."""
        return PlainLedger(list(self.imports), set(self.out))

    def events(self, sequence: int) -> list[Event]:
        """The events of an import, with its rows in groups."""
        source, rows, _ = self.imports[sequence]
        source = None if source is None else source.lower()
        numbered = sorted(enumerate(rows, start=1), key=lambda pair: str(pair[1].identity))
        found: list[Event] = []
        for identity, same in groupby(numbered, key=lambda pair: pair[1].identity):
            for number, observed in enumerate(_observations(identity[1], list(same))):
                offers = _offers(identity[1], observed)
                moment = max(row.minute for _, row in observed)
                found += [
                    Event(
                        (identity, ordinal),
                        row,
                        index,
                        sequence,
                        source,
                        number,
                        len(offers),
                        moment,
                    )
                    for ordinal, (index, row) in enumerate(offers, start=1)
                ]
        return found

    def counting(self) -> list[Event]:
        """The events of all imports that count."""
        return [
            event
            for number in range(len(self.imports))
            if number not in self.out
            for event in self.events(number)
        ]

    def is_indistinct(self, event: Event) -> bool:
        """Rule 5."""
        earlier = [number for number in range(event.sequence) if number not in self.out]
        several = any(
            other.listing[0] == event.listing[0] and other.group_size > 1
            for number in (*earlier, event.sequence)
            for other in self.events(number)
        )
        return several or (
            event.row.seller is None and event.row.url is None and event.source is None
        )

    def latest(self) -> dict[Listing, tuple[Event, int | None]]:
        """Each listing's latest event, and the minute since which it is gone."""
        events = self.counting()
        latest = {event.listing: event for event in sorted(events, key=lambda event: event.order)}
        files = self._latest_files()
        return {
            listing: (event, self._gone_since(event, events, files.get(event.source)))
            for listing, event in latest.items()
        }

    def latest_places(self) -> dict[tuple[int, int], int | None]:
        """The same, with the places of the events."""
        return {event.place: gone for event, gone in self.latest().values()}

    def current(self) -> set[tuple[int, int]]:
        """The latest event of each listing that is not gone."""
        return {place for place, gone in self.latest_places().items() if gone is None}

    def gone(self) -> dict[tuple[int, int], int | None]:
        """The latest event of each listing that is gone, and since which minute."""
        return {place: gone for place, gone in self.latest_places().items() if gone is not None}

    def gone_and_back(self, before: "PlainLedger") -> tuple[int, int]:
        """How many offers of all identities went since `before`, and how many came back, counting
        only listings that were known then and are known now."""
        old, new = before.latest(), self.latest()
        change: Counter[object] = Counter()
        for listing in old.keys() & new.keys():
            change[listing[0]] += (new[listing][1] is None) - (old[listing][1] is None)
        return -sum(n for n in change.values() if n < 0), sum(n for n in change.values() if n > 0)

    def deltas(self) -> set[tuple[tuple[int, int], tuple[int, int]]]:
        """Each change of a price or a score, as the places of the two events."""
        threads: dict[tuple[Listing, str | None], list[Event]] = {}
        for event in sorted(self.counting(), key=lambda event: event.order):
            threads.setdefault((event.listing, event.thread), []).append(event)
        return {
            (before.place, after.place)
            for events in threads.values()
            for before, after in pairwise(events)
            if before.row[2:4] != after.row[2:4]
            and not (self.is_indistinct(before) or self.is_indistinct(after))
        }

    def diff(self, old: int, new: int) -> dict[str, Counter[int]]:
        """The listings that were added, removed, changed and unchanged, by the index of their
        rows."""
        before, after = (_last_by_identity(self.events(number)) for number in (old, new))
        found: dict[str, Counter[int]] = {
            kind: Counter() for kind in ("added", "removed", "changed", "unchanged")
        }
        for identity in before.keys() | after.keys():
            self._compare(identity, before.get(identity, []), after.get(identity, []), found)
        return found

    def _compare(
        self, identity: object, old: list[Event], new: list[Event], found: dict[str, Counter[int]]
    ) -> None:
        can_match = (
            all(event.source == old[0].source for event in new)
            if old and old[0].row.url is None
            else True
        )
        if can_match and old and new and not any(map(self.is_indistinct, (*old, *new))):
            kind = "unchanged" if old[0].row[2:4] == new[0].row[2:4] else "changed"
            found[kind][new[0].at] += 1
            return
        left = Counter(event.row.price for event in old) if can_match else Counter()
        matched: Counter[float] = Counter()
        for event in sorted(new, key=lambda event: event.listing[1]):
            if matched[event.row.price] < left[event.row.price]:
                matched[event.row.price] += 1
                found["unchanged"][event.at] += 1
            else:
                found["added"][event.at] += 1
        for event in sorted(old, key=lambda event: event.listing[1]):
            if matched[event.row.price]:
                matched[event.row.price] -= 1
            else:
                found["removed"][event.at] += 1

    def _gone_since(self, event: Event, events: Iterable[Event], file: int | None) -> int | None:
        """Rule 8, otherwise the latest complete file of the event's source."""
        smaller = [
            first.moment
            for first in events
            if first.listing == (event.listing[0], 1)
            and first.source == event.source
            and first.group_size < event.listing[1]
            and (first.moment, first.sequence) > (event.moment, event.sequence)
        ]
        if smaller:
            return min(smaller)
        complete_at = None if file is None else self.imports[file].complete_at
        if file is None or complete_at is None or event.row.minute >= complete_at:
            return None
        is_listed = any(one.listing == event.listing for one in self.events(file))
        return None if is_listed else complete_at

    def _latest_files(self) -> dict[str | None, int]:
        """For each source, the import that counts and is complete for the latest minute."""
        complete = [
            (at.complete_at, number)
            for number, at in enumerate(self.imports)
            if at.complete_at is not None and number not in self.out
        ]
        return {str(self.imports[number].source).lower(): number for _, number in sorted(complete)}


def _observations(url: str | None, rows: list[tuple[int, Row]]) -> list[list[tuple[int, Row]]]:
    """Rule 3."""
    if url is None:
        return [rows]
    ordered = sorted(rows, key=lambda pair: (pair[1].minute, pair[0]))
    found = [[ordered[0]]]
    for before, after in pairwise(ordered):
        if after[1].minute - before[1].minute >= HOUR:
            found.append([])
        found[-1].append(after)
    return found


def _offers(url: str | None, rows: list[tuple[int, Row]]) -> list[tuple[int, Row]]:
    """Rules 2 and 4: the row of each offer that counts, in the order of the ordinals."""
    copies: dict[object, list[tuple[int, Row]]] = {}
    for index, row in rows:
        copies.setdefault(row.said if url is not None else index, []).append((index, row))
    ordered = sorted(
        copies.values(), key=lambda same: (same[0][1].price, same[0][1].score, min(same)[0])
    )
    return [max(same, key=lambda pair: (pair[1].minute, pair[0])) for same in ordered]


def _last_by_identity(events: list[Event]) -> dict[object, list[Event]]:
    found: dict[object, list[Event]] = {}
    for event in events:
        found.setdefault(event.listing[0], []).append(event)
    return {
        identity: [
            event for event in same if event.observation == max(one.observation for one in same)
        ]
        for identity, same in found.items()
    }
