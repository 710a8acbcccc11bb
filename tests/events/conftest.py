"""The registry that the feed is in."""

from tests.importing.conftest import registry, sqlite_registry

__all__ = ["registry", "sqlite_registry"]
