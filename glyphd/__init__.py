"""glyphd, the ledger of the GPU market: it accepts scored listings over HTTP and keeps every
scoring event."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from glyphd.application import app, create_app
    from glyphd.contracts.gpu_listings import GPUListingDTO
    from glyphd.contracts.import_contracts import (
        GPUModelDTO,
        ImportMetadata,
        ImportResultDTO,
        QuantizedListingDTO,
        ScoredListingDTO,
    )
    from glyphd.storage.stores import ListingStore, PostgresListingStore, SqliteListingStore

__all__ = [
    "GPUListingDTO",
    "GPUModelDTO",
    "ImportMetadata",
    "ImportResultDTO",
    "ListingStore",
    "PostgresListingStore",
    "QuantizedListingDTO",
    "ScoredListingDTO",
    "SqliteListingStore",
    "app",
    "create_app",
]

_HOMES = {
    "glyphd.application": ("app", "create_app"),
    "glyphd.contracts.import_contracts": (
        "GPUModelDTO",
        "ImportMetadata",
        "ImportResultDTO",
        "QuantizedListingDTO",
        "ScoredListingDTO",
    ),
    "glyphd.contracts.gpu_listings": ("GPUListingDTO",),
    "glyphd.storage.stores": ("ListingStore", "PostgresListingStore", "SqliteListingStore"),
}


def __getattr__(name: str) -> Any:
    """Exports are loaded when they are first used: a program that only needs the store does not
    load a web server."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
