"""Attacks in short: everybody else is served meanwhile. `make attacks` runs all of them, and for longer."""

from pathlib import Path

import pytest

from tests.attacks.sieges import besiege

SECONDS = 3.0
WITHSTOOD = (
    "nested_heuristics",
    "huge_pages",
    "long_links",
    "trickled_promises",
    "trickled_chunks",
    "trickled_small_bodies",
    "idle_connections",
    "queued_results",
    "spent_descriptors",
)
"""The attacks whose bounds hold in this version."""


@pytest.mark.parametrize("name", WITHSTOOD)
def test_everybody_else_is_served_during(name: str, tmp_path: Path) -> None:
    assert besiege(name, tmp_path / name, SECONDS).broken == []
