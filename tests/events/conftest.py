"""The registry that holds the feed."""

from tests.importing.conftest import registry, sqlite_registry

__all__ = ["registry", "sqlite_registry"]
