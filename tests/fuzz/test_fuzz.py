"""Every fuzz target passes for its seeds and for a few thousand inputs derived from them."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.fuzz.__main__ import NAMES
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS

RUNS = 3000
SECONDS = 3


def test_every_target_can_be_run() -> None:
    assert set(NAMES) == TARGETS.keys()


@pytest.mark.parametrize("name", NAMES)
def test_a_target_holds_for_its_seeds(name: str) -> None:
    for seed in seeds(name):
        TARGETS[name](seed)


@pytest.mark.skipif(
    find_spec("atheris") is None, reason="there is no atheris for this Python and platform"
)
def test_targets_hold_for_inputs_made_from_their_seeds() -> None:
    """The targets run in parallel and without coverage, because atheris and coverage both rewrite
    the code that they watch."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    limits = [f"--runs={RUNS}", f"--seconds={SECONDS}", "--inside"]
    started = {
        name: subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz", name, *limits],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in NAMES
    }
    said = {name: process.communicate()[1] for name, process in started.items()}
    assert [name for name, process in started.items() if process.returncode] == [], said
