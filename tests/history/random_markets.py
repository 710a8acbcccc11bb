"""Random markets: a few imports that see some listings repeatedly, with other prices and scores."""

import random
from datetime import UTC, datetime, timedelta
from statistics import fmean, median, quantiles
from typing import Any

from glyphd.contracts.columns import CAPACITIES
from glyphd.contracts.gpu_listings import GPUListingDTO
from glyphd.db.archive_models import ScoredListing
from glyphd.storage.stores import DatabaseListingStore

MODELS = ["RTX_A6000", "rtx_a6000", "L4", "l4", "H100 SXM/80GB", "Ärger", "a_b", "A100", "_x", "Z"]
START = datetime(2024, 12, 20, tzinfo=UTC)


def random_listing(numbers: random.Random) -> GPUListingDTO:
    """An offer of one of eight sellers; prices and scores are often equal."""
    capable = numbers.random() < 0.3
    capacities: dict[str, Any] = (
        {name: numbers.randrange(9) for name in CAPACITIES} if capable else {}
    )
    return GPUListingDTO(
        model=numbers.choice(MODELS),
        price_usd=numbers.choice(
            [0.0, 2400.5, round(numbers.uniform(1, 9000), numbers.randrange(4))]
        ),
        score=numbers.choice([-1.5, 0.5, numbers.random()]),
        seller=numbers.choice("abcdefgh"),
        seen_at=START + timedelta(seconds=numbers.randrange(60 * 24 * 3600)),
        vram_gb=numbers.choice([None, 24, 48]),
        nvlink=numbers.choice([None, True, False]),
        **capacities,
    )


def fill(store: DatabaseListingStore, seed: int, *, imports: int = 6, rows: int = 40) -> None:
    """Writes imports named `import-1`, `import-2`, …, in each of which all listings are different
    offers."""
    numbers = random.Random(seed)
    for number in range(1, imports + 1):
        found = (random_listing(numbers) for _ in range(rows))
        distinct = {(folded(listing.model), listing.seller): listing for listing in found}
        store.insert_listings(distinct.values(), f"import-{number}")


def events(store: DatabaseListingStore) -> list[ScoredListing]:
    """All events, latest observations first."""
    query = ScoredListing.select().order_by(ScoredListing.seen_at.desc(), ScoredListing.id.desc())
    with store.database.connection_context():
        return list(query.bind(store.database))


def lowest_of(found: list[ScoredListing]) -> dict[str, Any]:
    """The lowest price of all these events, and when it was first seen."""
    price, seen_at = min((event.price_usd, event.seen_at) for event in found)
    return {"lowest_price": price, "lowest_at": seen_at}


def folded(text: str) -> str:
    """The text with its ASCII letters in lower case."""
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


def numbers_of(observed: list[ScoredListing]) -> dict[str, Any]:
    """The columns of a summary, computed in Python from observations with the latest first."""
    prices, scores = [event.price_usd for event in observed], [event.score for event in observed]
    ratios = [event.score * 1000 / event.price_usd for event in observed if event.price_usd]
    low, _, high = quantiles(prices * 2 if len(prices) == 1 else prices, n=4, method="inclusive")
    return {
        "listing_count": len(observed),
        "min_price": min(prices),
        "p25_price": low,
        "median_price": median(prices),
        "p75_price": high,
        "max_price": max(prices),
        "avg_price": round(round(fmean(prices), 9), 6),
        "min_score": min(scores),
        "median_score": median(scores),
        "max_score": max(scores),
        "max_score_per_1000_usd": max(ratios, default=None),
        "last_seen_at": observed[0].seen_at,
    }
