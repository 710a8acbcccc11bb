"""Files for the chaos run: what a client sends, and exactly what must result from it."""

import csv
import gzip
import io
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from urllib.parse import urlencode

Row = tuple[int, int, str, float, float, str]
"""import_index, line, model, price_usd, score, source_url."""

ROW_FIELDS = ("import_index", "line", "model", "price_usd", "score", "source_url")
CAPACITIES = ("quantization_capacity_7b", "quantization_capacity_13b", "quantization_capacity_70b")
COLUMNS = ("model", "price_usd", "score", "seller", "seen_at", "source_url", "title")
SIZES = (50, 50, 400, 400, 2000, 2000, 6000, 12_000)
SOURCE = "chaos"
_OFFERS = 10_000
"""The number of different offers. Files share some of them, so that imports supersede one
another."""

_MODELS = ("H100_PCIE_80GB", "H100 SXM", "A100", "L40S", "RTX_4090", "RTX A6000", "MI300X")
_SELLERS = ("Rackyard", "Nordhall Compute", "Shop Ünique", "eBay")
_TITLES = ("", "as new", 'with "box"', "two\nlines", "a, b; c\nand\nmore")
_BAD_PRICES = ("", "n/a", "1,299.00", "$99", "-1", "nan")


@dataclass(frozen=True)
class GivenFile:
    """One upload. `rows` are the good ones, `bad_rows` the refused ones as (row, line)."""

    key: str
    body: bytes
    packed: bool
    on_error: str
    rows: Sequence[Row]
    bad_rows: Sequence[tuple[int, int]]
    has_capacities: bool

    @property
    def filename(self) -> str:
        return f"{self.key}.csv.gz" if self.packed else f"{self.key}.csv"

    @property
    def query(self) -> str:
        return urlencode({"filename": self.filename, "source": SOURCE, "on_error": self.on_error})

    @property
    def succeeds(self) -> bool:
        return not self.bad_rows or self.on_error == "skip"

    @property
    def written_rows(self) -> Sequence[Row]:
        """The rows that must be in the archive at the end."""
        return self.rows if self.succeeds else ()


def make_file(key: str, random: Random, size: int | None = None) -> GivenFile:
    """A file with `size` rows, or a random number: with or without bad rows, plain or gzipped, with
    or without capacities."""
    count = size or random.choice(SIZES)
    bad_share = random.choice((0.0, 0.0, 0.02, 0.1))
    has_capacities = random.random() < 0.3
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *(CAPACITIES if has_capacities else ())])
    rows: list[Row] = []
    bad_rows: list[tuple[int, int]] = []
    line = 2
    for number in range(1, count + 1):
        cells, row = _make_row(number, line, random)
        if number > 1 and random.random() < bad_share:
            cells[1] = random.choice(_BAD_PRICES)
            bad_rows.append((number, line))
        else:
            rows.append(row)
        writer.writerow([*cells, *((number, number % 7, 1) if has_capacities else ())])
        line += 1 + str(cells[-1]).count("\n")
    packed = random.random() < 0.3
    plain = text.getvalue().encode()
    body = gzip.compress(plain, 1, mtime=0) if packed else plain
    return GivenFile(
        key, body, packed, random.choice(("abort", "skip")), rows, bad_rows, has_capacities
    )


def _make_row(number: int, line: int, random: Random) -> tuple[list[object], Row]:
    """The cells of a good row, and the row itself. The same offer is the same listing in every
    file."""
    offer = random.randrange(_OFFERS)
    model, seller = _MODELS[offer % len(_MODELS)], _SELLERS[offer % len(_SELLERS)]
    price, score = round(random.uniform(1, 40_000), 2), random.random()
    seen_at = f"2025-07-{random.randrange(1, 29):02}T{random.randrange(24):02}:00:00Z"
    url = f"https://shop.example.com/offers/{offer}"
    cells: list[object] = [model, price, score, seller, seen_at, url, random.choice(_TITLES)]
    return cells, (number, line, model, price, score, url)
