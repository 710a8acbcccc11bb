"""The rules of the market over time in plain Python, to compare with the archive's answers. No two
rows of a file are the same offer here; `plain_offers` has the rules for those."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple


class Offer(NamedTuple):
    """One row of a file."""

    model: str
    price: float
    score: float
    seller: str
    day: int

    @property
    def seen_at(self) -> str:
        return f"2025-07-{self.day:02}T00:00:00.000000Z"

    def as_csv(self) -> str:
        return f"{self.model},{self.price},{self.score},EU,{self.seller},{self.seen_at}"


Identity = tuple[str, str]


class Observation(NamedTuple):
    """One event: an offer and its position."""

    identity: Identity
    offer: Offer
    sequence: int
    import_id: str
    import_index: int

    @property
    def place(self) -> tuple[str, int]:
        return self.import_id, self.import_index

    @property
    def order(self) -> tuple[str, int]:
        return self.offer.seen_at, self.sequence


@dataclass
class PlainMarket:
    """What happened, in order: imports and changes, each with the time of its commit."""

    imports: list[tuple[str, str, list[Offer]]] = field(default_factory=list)
    changes: list[tuple[str, str, str]] = field(default_factory=list)

    def take(self, import_id: str, imported_at: str, offers: list[Offer]) -> None:
        self.imports.append((import_id, imported_at, offers))

    def change(self, kind: str, import_id: str, changed_at: str) -> None:
        self.changes.append((kind, import_id, changed_at))

    def moments(self) -> list[str]:
        """The times of all imports and changes."""
        return sorted([at for _, at, _ in self.imports] + [at for _, _, at in self.changes])

    def rolled_back(self, as_of: str) -> set[str]:
        out: set[str] = set()
        for kind, import_id, at in self.changes:
            if at <= as_of:
                (out.add if kind == "rollback" else out.discard)(import_id)
        return out

    def observations(self, as_of: str) -> dict[Identity, list[Observation]]:
        """The events of each listing that counted at a moment, oldest first."""
        out = self.rolled_back(as_of)
        found: dict[Identity, list[Observation]] = {}
        for sequence, (import_id, imported_at, offers) in enumerate(self.imports):
            if imported_at <= as_of and import_id not in out:
                for one in _observed(sequence, import_id, offers):
                    found.setdefault(one.identity, []).append(one)
        return {
            identity: sorted(events, key=lambda one: one.order)
            for identity, events in found.items()
        }

    def current(self, as_of: str) -> dict[tuple[str, int], tuple[float, str]]:
        """Import and number of each listing's latest observation, with its price and the time when
        it was first seen."""
        return {
            events[-1].place: (events[-1].offer.price, events[0].offer.seen_at)
            for events in self.observations(as_of).values()
        }

    def deltas(self, as_of: str, least: float = 0) -> set[tuple[str, str, str, Decimal]]:
        """Both imports, the model and the price delta of every change of at least `least`
        percent."""
        found = set()
        for events in self.observations(as_of).values():
            for before, after in pairwise(events):
                if _is_change(before.offer, after.offer, least):
                    delta = Decimal(str(after.offer.price)) - Decimal(str(before.offer.price))
                    found.add((before.import_id, after.import_id, after.offer.model, delta))
        return found

    def models(self, as_of: str) -> dict[str, tuple[int, float]]:
        """Listing count and median price by model, its name in lower case."""
        prices: dict[str, list[float]] = {}
        for events in self.observations(as_of).values():
            prices.setdefault(events[-1].offer.model.lower(), []).append(events[-1].offer.price)
        return {model: (len(found), median(found)) for model, found in prices.items()}


def _observed(sequence: int, import_id: str, offers: Iterable[Offer]) -> Iterator[Observation]:
    for index, offer in enumerate(offers, start=1):
        identity = (offer.model.lower(), offer.seller.lower())
        yield Observation(identity, offer, sequence, import_id, index)


def _is_change(before: Offer, after: Offer, least: float) -> bool:
    if (before.price, before.score) == (after.price, after.score):
        return False
    if not least:
        return True
    old, new = Decimal(str(before.price)), Decimal(str(after.price))
    return old != 0 and abs(new - old) * 100 >= Decimal(str(least)) * old


def answered(rows: list[dict[str, Any]]) -> dict[tuple[str, int], tuple[float, str]]:
    """Rows of the service in the form of `PlainMarket.current`."""
    return {
        (row["import_id"], row["import_index"]): (row["price_usd"], row["first_seen_at"])
        for row in rows
    }
