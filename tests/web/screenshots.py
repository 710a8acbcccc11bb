"""`make screenshots`: the pictures in the README, of a service that is started and filled for
them."""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from urllib.parse import quote

from playwright.sync_api import Page, sync_playwright

from tests.e2e.processes import data_in, final_status, serving, upload
from tests.web.chromium.launching import find_chromium, launch

FOLDER = Path(__file__).parents[2] / "docs" / "images"
SIZE = {"width": 1200, "height": 760}
LARGEST_BYTES = 150_000
DAYS = 34
HEADER = "model,price_usd,score,condition,seller,region,vram_gb,availability,seen_at,source_url"
MODELS = {
    "H100_PCIE_80GB": (28500, 80),
    "A100_80GB_PCIE": (13800, 80),
    "A100_40GB_PCIE": (8900, 40),
    "L40S": (7900, 48),
    "RTX_6000_ADA": (7100, 48),
    "A40": (4700, 48),
    "RTX_A6000": (3900, 48),
    "L4": (2450, 24),
    "RTX_4090": (1850, 24),
    "RTX_A5000": (1600, 24),
    "RTX_3090": (790, 24),
    "A2": (540, 16),
}
"""The approximate price of a card, and its memory in GB."""
SELLERS = (
    "Meridian Data Supply",
    "Rackyard",
    "Nordhall Compute",
    "Second Socket",
    "Kite & Kernel",
    "Blue Harbour IT",
)
REGIONS = ("USA", "Germany", "Canada", "UK", "Netherlands", "Japan")
CONDITIONS = ("New", "New", "Refurbished", "Used")


@dataclass
class Offer:
    """One offer, whose price changes from day to day."""

    number: int
    model: str
    seller: str
    region: str
    condition: str
    price: float
    score: float
    is_listed: bool = True

    def row(self, seen_at: str) -> str:
        host = self.seller.lower().replace(" ", "").replace("&", "-")
        url = f"https://{host}.example.com/{self.number}"
        known = [
            self.model,
            f"{self.price:.0f}",
            f"{self.score:.4f}",
            self.condition,
            self.seller,
            self.region,
        ]
        return ",".join([*known, str(MODELS[self.model][1]), "in stock", seen_at, url])


def main() -> int:
    """Returns 0 if every picture could be taken and is small."""
    executable = find_chromium()
    if executable is None:
        sys.exit("there is no Chromium here: install it (Debian: `apt-get install chromium`)")
    with TemporaryDirectory() as name, serving(environment=_quiet(Path(name) / "data")) as api:
        import_id = fill(api.address)
        with sync_playwright() as playwright:
            browser = launch(playwright, executable)
            page = browser.new_page(viewport=SIZE, color_scheme="light")  # type: ignore[arg-type]
            paths = {
                "market": "/",
                "listings": "/listings?q=a6000&sort=price_usd",
                "import": f"/imports/{quote(import_id)}",
            }
            sizes = [
                take(page, api.address + path, FOLDER / f"page-{name}.png")
                for name, path in paths.items()
            ]
            browser.close()
    return int(max(sizes) > LARGEST_BYTES)


def take(page: Page, address: str, file: Path) -> int:
    """Takes a picture; returns its size in bytes."""
    page.goto(address, wait_until="networkidle")
    page.screenshot(path=file)
    size = file.stat().st_size
    print(
        f"{file.name}: {size:,} bytes"
        + (f", more than {LARGEST_BYTES:,}" if size > LARGEST_BYTES else "")
    )
    return size


def fill(address: str) -> str:
    """Imports the offers of each of some days, the last of which is today; returns the id of the
    last import."""
    source = Random(5)
    offers = [_offer(source, number) for number in range(150)]
    today = datetime.now(UTC).replace(hour=6, minute=30, second=0, microsecond=0)
    import_id = ""
    for day in range(1 - DAYS, 1):
        _move(source, offers)
        seen_at = f"{today + timedelta(days=day):%Y-%m-%dT%H:%M:%SZ}"
        rows = [offer.row(seen_at) for offer in offers if offer.is_listed]
        body = "\n".join([HEADER, *rows]).encode()
        import_id = upload(address, body, f"?source=daily&filename=offers-{seen_at[:10]}.csv")[
            "import_id"
        ]
        assert final_status(address, import_id)["status"] == "succeeded"
    return import_id


def _quiet(folder: Path) -> dict[str, str]:
    return {**data_in(folder), "GLYPHD_LOG_LEVEL": "ERROR"}


def _offer(source: Random, number: int) -> Offer:
    model = source.choice(tuple(MODELS))
    condition = source.choice(CONDITIONS)
    share = {"New": 1.0, "Refurbished": 0.88, "Used": 0.78}[condition]
    price = MODELS[model][0] * share * source.uniform(0.9, 1.2)
    score = min(0.98, max(0.3, 1.5 - price / MODELS[model][0] + source.uniform(-0.1, 0.25)))
    is_listed = source.random() < 0.8
    return Offer(
        number,
        model,
        source.choice(SELLERS),
        source.choice(REGIONS),
        condition,
        price,
        score,
        is_listed,
    )


def _move(source: Random, offers: list[Offer]) -> None:
    """Changes some prices, and adds or removes some offers."""
    for offer in offers:
        if source.random() < 0.18:
            offer.price *= source.uniform(0.94, 1.045)
        if source.random() < 0.02:
            offer.is_listed = not offer.is_listed


if __name__ == "__main__":
    sys.exit(main())
