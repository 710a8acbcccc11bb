"""Seeded data: the 14 market columns, a unique URL a row, 2 000 sellers, 12 models."""

import csv
import random
from pathlib import Path

MODELS = (
    "H100_PCIE_80GB",
    "A100_40GB_PCIE",
    "RTX_A6000",
    "RTX_A5000",
    "RTX_4090",
    "RTX_3090",
    "RTX_5090",
    "L40S",
    "L40",
    "L4",
    "A40",
    "A2",
)
REGIONS = ("USA", "EU", "UK", "Canada", "Asia")
COLUMNS = (
    "model",
    "price_usd",
    "condition",
    "quantity",
    "min_order_qty",
    "seller",
    "region",
    "vram_gb",
    "mig_capable",
    "score",
    "heuristics",
    "seen_at",
    "source_url",
    "source_type",
)
SELLERS = 2000


def write_offers(path: Path, count: int, *, seed: int = 1) -> Path:
    """A CSV with so many offers; the same seed gives the same bytes."""
    source = random.Random(seed)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number in range(count):
            writer.writerow(_offer(source, number))
    return path


def _offer(source: random.Random, number: int) -> list[object]:
    day, hour, minute = source.randint(1, 28), source.randint(0, 23), source.randint(0, 59)
    return [
        source.choice(MODELS),
        round(source.uniform(300, 40_000), 2),
        source.choice(("New", "Used", "Refurbished")),
        source.randint(0, 50),
        1,
        f"seller {source.randrange(SELLERS)}",
        source.choice(REGIONS),
        source.choice((24, 48, 80)),
        source.choice((0, 7)),
        source.random(),
        f'{{"rank": {source.randrange(100)}}}',
        f"2025-07-{day:02}T{hour:02}:{minute:02}:00Z",
        f"https://shop.example.com/item/{number}",
        "Retail",
    ]
