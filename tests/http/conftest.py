"""A small market that many tests query and none changes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.service import Service, start_in

COLUMNS = "model,price_usd,condition,seller,region,vram_gb,score,seen_at,source_type"
FIRST = """\
RTX_A6000,4500,New,Acme,USA,48,0.9,2025-07-01T12:00:00Z,Retail
RTX_A6000,4200,Used,Zebra,EU,48,0.8,2025-07-02T12:00:00Z,Auction
L4,2400,New,Acme,EU,24,0.7,2025-07-03T12:00:00Z,Retail
H100_PCIE_80GB,30000,New,Nordhall Compute,Germany,80,0.95,2025-07-04T12:00:00Z,Broker
"""
SECOND = """\
rtx_a6000,4000,Refurbished,Zebra,usa,48,0.8,2025-07-05T12:00:00Z,Auction
L40S,7000,,,,,0.6,2025-07-06T12:00:00Z,
"""


@dataclass(frozen=True)
class Market:
    """Six current listings of two imports. Every price is unique, so it identifies its row."""

    service: Service
    first: str
    second: str
    webhook: str
    watch: str
    feed_secret: str

    def prices(self, query: str = "") -> list[float]:
        return [row["price_usd"] for row in self.service.listings(query)]

    def refusal(self, query: str) -> dict[str, Any]:
        return self.service.refusal(f"/api/listings?{query}")


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory, initialised_folder: Path) -> Market:
    """For queries only. A test that imports uses `own_market`."""
    return _market(tmp_path_factory.mktemp("market") / "data", initialised_folder)


@pytest.fixture
def own_market(tmp_path: Path, initialised_folder: Path) -> Market:
    """The same market, for tests that change it."""
    return _market(tmp_path / "data", initialised_folder)


def _market(folder: Path, initialised_folder: Path) -> Market:
    service = start_in(folder, initialised_folder)
    first = service.import_csv(f"{COLUMNS}\n{FIRST}", "?source=perplexity")
    second = service.import_csv(f"{COLUMNS}\n{SECOND}", "?source=eBay")
    webhook = service.http.post_json("/api/webhooks", {"url": "https://example.com/"}).json
    watch = service.http.post_json("/api/watches", {"name": "new", "condition": "new"}).json
    return Market(
        service,
        first["import_id"],
        second["import_id"],
        webhook["webhook_id"],
        watch["watch_id"],
        watch["links"]["feed"].rsplit("/", 1)[1],
    )
