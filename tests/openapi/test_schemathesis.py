"""What a machine that knows only the document finds in a running service: nothing."""

from pathlib import Path

from tests.openapi.asking import ask_everything


def test_a_short_conversation_finds_no_fault(tmp_path: Path) -> None:
    """The same requests each time; `make api-fuzz` asks for long, and others each time."""
    phases = "--phases=examples,fuzzing,stateful"
    done = ask_everything(tmp_path, phases, "--max-examples=2", "--seed=1")
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert "Fuzzing (disabled)" not in done.stdout
