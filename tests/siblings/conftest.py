"""The API processes of one service, as this test's process sees them."""

from collections.abc import Callable

import pytest

from glyphd.siblings.family import Siblings, found_family
from glyphd.siblings.shared_memory import Shape

UPLOADS = 2

Sibling = Callable[[int], Siblings]


@pytest.fixture
def sibling() -> Sibling:
    """One of two processes by its number; each call is a process that has just started."""
    family = found_family(2, UPLOADS)

    def start(number: int) -> Siblings:
        found = Siblings(Shape(2, UPLOADS), family.descriptor, number)
        found.join()
        return found

    return start
