"""Short attacks, during which all other clients are served. `make attacks` runs all attacks, and
longer."""

from pathlib import Path

import pytest

from tests.attacks.assaults import ASSAULTS
from tests.attacks.sieges import besiege

SECONDS = 3.0
NOT_IN_SHORT = ("trickled_small_bodies", "queued_results")
"""In a few seconds the p99 is the slowest answer. On a busy machine that is the one while 510
connections are opened."""


@pytest.mark.parametrize("name", [name for name in ASSAULTS if name not in NOT_IN_SHORT])
def test_everybody_else_is_served_during(name: str, tmp_path: Path) -> None:
    assert besiege(name, tmp_path / name, SECONDS).broken == []
