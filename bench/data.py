"""Seeded data: the 14 market columns, a unique URL for each row, 2 000 sellers, 12 models."""

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
CONDITIONS = ("New", "Used", "Refurbished")
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
FIRST_MONTH = 7
LAST_EDITION = 4
"""A listing is first seen on the 27th at the latest. Each edition is one day later, in the same
month."""


def write_offers(path: Path, count: int, *, seed: int = 1, edition: int = 0) -> Path:
    """Writes a CSV with `count` offers; the same arguments give the same bytes.

    Later editions are the same listings on the following days: every price differs from the day
    before, a tenth of them by more than 10 %.
    """
    assert 0 <= edition <= LAST_EDITION
    source = random.Random(seed)
    with path.open("w") as file:
        file.write(",".join(COLUMNS) + "\n")
        file.writelines(
            _offer(source.getrandbits(96), source.random(), number=number, edition=edition)
            for number in range(count)
        )
    return path


def write_next_month(source: Path, target: Path, months: int) -> Path:
    """Writes the same offers with other URLs, `months` months later: the same number of new
    listings, made faster than by generating them."""
    year, month = divmod(FIRST_MONTH - 1 + months, 12)
    moved = source.read_bytes().replace(b"/item/", f"/{months}/".encode())
    target.write_bytes(
        moved.replace(
            f",2025-{FIRST_MONTH:02}-".encode(), f",{2025 + year}-{month + 1:02}-".encode()
        )
    )
    return target


def write_without(source: Path, target: Path, tenth: int) -> Path:
    """Writes the source's rows without every tenth one: rows whose number ends in `tenth` are left
    out."""
    with source.open() as given, target.open("w") as file:
        file.write(next(given))
        file.writelines(line for number, line in enumerate(given) if number % 10 != tenth)
    return target


def write_repeated(source: Path, target: Path, size: int) -> Path:
    """Writes the source's rows over and over, until the file has at least `size` bytes."""
    header, rows = source.read_bytes().split(b"\n", 1)
    with target.open("wb") as file:
        file.write(header + b"\n")
        while file.tell() < size:
            file.write(rows)
    return target


def write_groups(source: Path, target: Path, times: int) -> Path:
    """Writes the source's rows without URLs. Each identity occurs `times` times in succession, with
    the prices and scores of as many source rows."""
    at = {name: COLUMNS.index(name) for name in ("price_usd", "score", "source_url")}
    with source.open(newline="") as given, target.open("w", newline="") as file:
        rows, written = csv.reader(given), csv.writer(file, lineterminator="\n")
        written.writerow(next(rows))
        first: list[str] = []
        for number, row in enumerate(rows):
            first = row if number % times == 0 else first
            grouped = first.copy()
            grouped[at["price_usd"]], grouped[at["score"]], grouped[at["source_url"]] = (
                row[at["price_usd"]],
                row[at["score"]],
                "",
            )
            written.writerow(grouped)
    return target


def write_copies(source: Path, target: Path, times: int) -> Path:
    """Writes as many rows as the source has: its first rows, each `times` times in succession."""
    with source.open() as given, target.open("w") as file:
        file.write(next(given))
        count = sum(1 for _ in given)
        given.seek(0)
        next(given)
        for number, line in enumerate(given):
            if number * times >= count:
                break
            file.write(line * min(times, count - number * times))
    return target


def _offer(chance: int, score: float, *, number: int, edition: int) -> str:
    """One line of CSV. Its values come from one large random number, digit by digit."""
    chance, model = divmod(chance, len(MODELS))
    chance, condition = divmod(chance, len(CONDITIONS))
    chance, quantity = divmod(chance, 51)
    chance, seller = divmod(chance, SELLERS)
    chance, region = divmod(chance, len(REGIONS))
    chance, capacity = divmod(chance, 3)
    chance, rank = divmod(chance, 100)
    chance, day = divmod(chance, 27)
    chance, minute = divmod(chance, 24 * 60)
    price = _price(30_000 + chance % 3_970_000, number, edition)
    return (
        f"{MODELS[model]},{price / 100},{CONDITIONS[condition]},{quantity},1,seller "
        f"{seller},{REGIONS[region]},"
        f'{(24, 48, 80)[capacity]},{(0, 7)[rank % 2]},{score},"{{""rank"": {rank}}}",'
        f"2025-{FIRST_MONTH:02}-{1 + day + edition:02}T{minute // 60:02}:{minute % 60:02}:00Z,"
        f"https://shop.example.com/item/{number},Retail\n"
    )


def _price(cents: int, number: int, edition: int) -> int:
    """The price in cents. Each day a tenth of the listings change by 11 to 40 percent, the others
    by 0.1 to 5 percent."""
    for day in range(1, edition + 1):
        chance = (number * 2_654_435_761 + day * 40_503) % 100_003
        chance, tenth = divmod(chance, 10)
        per_mille = 110 + chance % 290 if tenth == 0 else 1 + chance % 50
        cents += max(1, cents * per_mille // 1000) * (1 if day % 2 else -1)
    return cents
