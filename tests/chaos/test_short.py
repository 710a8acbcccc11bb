"""A short chaos run on both databases, with two workers. `make chaos` runs the long one."""

from contextlib import nullcontext
from pathlib import Path

from glyphd.settings import Settings
from tests.chaos.blows import KILL
from tests.chaos.rounds import Run, run_chaos

ROUNDS = 2
SEED = 20


def test_two_rounds_of_kills_lose_nothing_and_double_nothing(
    database_settings: Settings, tmp_path: Path
) -> None:
    run = Run(
        ROUNDS,
        2,
        SEED,
        lambda folder: nullcontext(database_settings),
        tmp_path,
        clients=2,
        blows=frozenset({KILL}),
    )
    tally = run_chaos(run)
    assert tally.findings.sentences() == []
    assert tally["rounds"] == ROUNDS
    assert (
        tally["imports succeeded"] + tally["imports failed for rows in their file"]
        == tally["files uploaded"]
    )
    assert tally["`kill -9` of a worker"] + tally["`kill -9` of an API"] > 0
