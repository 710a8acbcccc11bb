"""The API processes of one service, as objects in the test's process."""

from collections.abc import Callable
from threading import RLock

import pytest

from glyphd.siblings.family import Siblings, found_family
from glyphd.siblings.shared_memory import Shape
from tests.server.conftest import limits

__all__ = ["limits"]

UPLOADS = 2

Sibling = Callable[[int], Siblings]


@pytest.fixture
def sibling() -> Sibling:
    """One of two processes by its number; each call acts as a process that has just started."""
    family = found_family(2, UPLOADS)
    one_at_a_time = RLock()

    def start(number: int) -> Siblings:
        found = Siblings(Shape(2, UPLOADS), family.descriptor, number)
        found._lock = one_at_a_time  # the system's lock only excludes other processes
        found.join()
        return found

    return start
