"""Tests generated from the document alone find no fault in a running service."""

from pathlib import Path

import pytest

from tests.openapi.asking import ask_everything


@pytest.mark.parametrize("with_token", [False, True], ids=["open", "token"])
def test_a_short_conversation_finds_no_fault(tmp_path: Path, with_token: bool) -> None:
    """The requests are the same each time; `make api-fuzz` runs longer, with other requests each
    time."""
    phases = "--phases=examples,fuzzing,stateful"
    done = ask_everything(tmp_path, phases, "--max-examples=2", "--seed=1", with_token=with_token)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert "Fuzzing (disabled)" not in done.stdout
