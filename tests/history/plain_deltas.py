"""Deltas of the kinds new, gone and back in plain Python, to compare with the archive's."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import pairwise

from tests.history.plain_offers import Event, PlainLedger

Place = tuple[int, int]
Key = Callable[[Event], Hashable]


class PlainDeltas:
    """The deltas of a ledger: each as the places of two events, or as a file and an event."""

    def __init__(self, ledger: PlainLedger) -> None:
        self._ledger = ledger
        self._events = sorted(ledger.counting(), key=lambda event: event.order)

    def new(self) -> set[Place]:
        """The first observation of each distinct offer."""
        firsts = (same[0] for same in self._grouped(lambda event: event.listing))
        return {event.place for event in firsts if not self._ledger.is_indistinct(event)}

    def gone(self) -> set[tuple[int, Place]]:
        """The complete files that made offers gone, with the last observation of each offer."""
        return {
            (file, event.place)
            for same in self._grouped(lambda event: event.listing)
            for event, following in pairwise([*same, None])
            if event is not None and not self._ledger.is_indistinct(event)
            for file in self._gone_by(event, following)
        }

    def back(self) -> set[tuple[Place, Place]]:
        """The last observation of each offer that was gone, with the one that lists it again."""
        return {
            (before.place, after.place)
            for same in self._grouped(lambda event: (event.listing, event.thread))
            for before, after in pairwise(same)
            if not (self._ledger.is_indistinct(before) or self._ledger.is_indistinct(after))
            and self._was_gone(before, after)
        }

    def _gone_by(self, event: Event, following: Event | None) -> Iterator[int]:
        """The files without the offer that follow a file with it. Of several files for one moment
        only the last counts."""
        is_there = True
        last = {complete_at: file for file, complete_at in self._files_of(event)}
        for complete_at, file in last.items():
            if complete_at <= event.row.minute:
                continue
            if following is not None and following.row.minute <= complete_at:
                return
            was_there, is_there = is_there, self._lists(file, event)
            if was_there and not is_there:
                yield file

    def _was_gone(self, before: Event, after: Event) -> bool:
        between = [
            file
            for file, complete_at in self._files_of(before)
            if before.row.minute < complete_at <= after.row.minute and file != after.sequence
        ]
        return bool(between) and not self._lists(between[-1], before)

    def _files_of(self, event: Event) -> list[tuple[int, int]]:
        """The complete files of the event's source that count, with their minutes, in the order of
        these."""
        found = [
            (number, one.complete_at)
            for number, one in enumerate(self._ledger.imports)
            if one.complete_at is not None
            and number not in self._ledger.out
            and str(one.source).lower() == str(event.source).lower()
        ]
        return sorted(found, key=lambda pair: (pair[1], pair[0]))

    def _lists(self, file: int, event: Event) -> bool:
        return any(one.listing == event.listing for one in self._ledger.events(file))

    def _grouped(self, key: Key) -> Iterable[list[Event]]:
        found: dict[Hashable, list[Event]] = {}
        for event in self._events:
            found.setdefault(key(event), []).append(event)
        return found.values()
