"""The archives of the storage tests, for the history tests too."""

from tests.storage.conftest import archive, store

__all__ = ["archive", "store"]
