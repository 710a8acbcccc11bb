"""What a machine that knows only the document finds in a running service: nothing."""

from pathlib import Path

import pytest

from tests.openapi.asking import ask_everything


@pytest.mark.parametrize("with_token", [False, True], ids=["open", "token"])
def test_a_short_conversation_finds_no_fault(tmp_path: Path, with_token: bool) -> None:
    """The same requests each time; `make api-fuzz` asks for long, and others each time."""
    phases = "--phases=examples,fuzzing,stateful"
    done = ask_everything(tmp_path, phases, "--max-examples=2", "--seed=1", with_token=with_token)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert "Fuzzing (disabled)" not in done.stdout
