"""What a person sees: two bars on a terminal, plain lines elsewhere, and how to go on after
Ctrl-C."""

from io import StringIO
from pathlib import Path
from threading import Event

import pytest
from rich.console import Console

from clients.python.tests.commands import environment_for, run_push
from clients.python.tests.conftest import SAMPLES
from clients.python.tests.stubs import Scripted, Stub, Wire
from clients.python.tests.terminals import COLOUR, run_in_terminal
from glyphd_client import ImportStatus, progress_views
from glyphd_client.outcomes import printable
from glyphd_client.progress_views import shortened

GOOD = SAMPLES / "scored_sample.csv"
BROKEN = SAMPLES / "broken_sample.csv"


def _status(status: str, progress: float, **more: object) -> Scripted:
    return Scripted(200, {"import_id": "one", "status": status, "progress": progress, **more})


QUEUED = Scripted(202, {"import_id": "one", "status": "queued", "progress": 0.0})
READING = _status("running", 0.5, phase="reading")
DONE = _status("succeeded", 1.0, record_count=24)


def test_two_bars_show_how_far_it_is_and_disappear(stub: Stub) -> None:
    stub.answer(QUEUED, _status("queued", 0.0), READING, READING, READING, READING, DONE)
    terminal = run_in_terminal(environment_for(stub.address), GOOD, "--wait", "--no-gzip")
    terminal.read_until(lambda text: "50%" in text)
    assert terminal.end() == 0
    assert any("sent" in line and "100%" in line for line in terminal.lines)
    assert any(
        "imported" in line and "50%" in line and "reading" in line for line in terminal.lines
    )
    assert terminal.lines[-1] == f"{GOOD}: imported 24 rows, import one"
    assert terminal.text.index("\x1b[?25l") < terminal.text.index("\x1b[?25h")
    assert terminal.text.rindex("\x1b[1A\x1b[2K") > terminal.text.rindex("━")


def test_what_holds_an_import_up_is_shown(stub: Stub) -> None:
    held = _status("queued", 0.0, reason="the disk is full")
    stub.answer(QUEUED, held, held, held, held, held, DONE)
    terminal = run_in_terminal(environment_for(stub.address), GOOD, "--wait", "--no-gzip")
    terminal.read_until(lambda text: "waits: the disk is full" in text)
    assert terminal.end() == 0


@pytest.mark.parametrize("columns", [20, 40, 59, 200])
def test_a_bar_fits_into_its_terminal(stub: Stub, columns: int) -> None:
    stub.answer(QUEUED, READING, READING, READING, READING, DONE)
    terminal = run_in_terminal(
        environment_for(stub.address), GOOD, "--wait", "--no-gzip", columns=columns
    )
    assert terminal.end() == 0
    bars = [line for line in terminal.lines if "━" in line]
    assert bars
    assert max(map(len, bars)) <= columns


def test_there_are_no_colours_if_nobody_wants_them(address: str) -> None:
    plain = run_in_terminal(environment_for(address, NO_COLOR="1"), BROKEN, "--wait")
    assert plain.end() == 1
    assert not COLOUR.search(plain.text)
    coloured = run_in_terminal(environment_for(address), BROKEN, "--wait")
    assert coloured.end() == 1
    assert COLOUR.search(coloured.text)


def test_a_terminal_that_knows_no_cursor_gets_lines(address: str) -> None:
    terminal = run_in_terminal(environment_for(address, TERM="dumb"), GOOD, "--wait")
    assert terminal.end() == 0
    assert "\x1b" not in terminal.text


def test_without_a_terminal_there_are_no_bars(stub: Stub, tmp_path: Path) -> None:
    stub.answer(QUEUED, READING, READING, DONE)
    done = run_push(stub.address, tmp_path, GOOD, "--wait", "--no-gzip")
    assert (done.exit_code, done.err) == (0, "")
    assert "\x1b" not in done.out


def test_ctrl_c_while_waiting_says_how_to_resume(stub: Stub) -> None:
    stub.answer(QUEUED, READING)
    terminal = run_in_terminal(
        environment_for(stub.address), GOOD, BROKEN, "--wait", "--no-gzip", columns=200
    )
    terminal.read_until(lambda text: "50%" in text)
    terminal.press_ctrl_c()
    terminal.press_ctrl_c()
    assert terminal.end() == 130
    assert terminal.lines[-3:] == [
        "Interrupted. The import continues without this command; to follow it:",
        f"  glyphd-push resume one --url {stub.address}",
        f"Not sent yet: {BROKEN}",
    ]


def test_ctrl_c_while_sending_says_that_the_same_command_goes_on(
    address: str, tmp_path: Path
) -> None:
    file = tmp_path / "offers.csv"
    file.write_bytes(b"model,price_usd,score\n" + b"L4,1,1\n" * 2_000_000)
    stalled, interrupted = Event(), Event()

    def stall(sent: int) -> None:
        if sent > 500_000:
            stalled.set()
            interrupted.wait()

    with Wire(address) as wire:
        wire.on_sent = stall
        terminal = run_in_terminal(environment_for(wire.address), file, "--no-gzip", columns=200)
        assert stalled.wait(60)
        terminal.press_ctrl_c()
        assert terminal.end() == 130
        interrupted.set()
    assert terminal.lines[-2:] == [
        f"Interrupted while sending {file}. Run the same command again:",
        "it creates only one import.",
    ]
    assert "Traceback" not in terminal.text


def test_a_long_wait_shows_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_views, "SECONDS_BETWEEN_LINES", 0.0)
    console = Console(file=StringIO())
    with progress_views.view_for(console, is_quiet=False)("a.csv") as view:
        view.sent(500_000, 1_000_000)
        view.imported(ImportStatus(import_id="one", status="running", progress=0.5))
        view.imported(ImportStatus(import_id="one", status="running", stalled=True))
        view.imported(ImportStatus(import_id="one", status="succeeded", progress=1.0))
    with progress_views.view_for(console, is_quiet=True)("b.csv") as view:
        view.sent(1, 1)
        view.say("trouble")
    assert isinstance(console.file, StringIO)
    assert console.file.getvalue().splitlines() == [
        "a.csv: sent 0.5 of 1.0 MB",
        "a.csv: running, 50% done",
        "a.csv: stalled, 0% done",
        "trouble",
    ]


def test_a_long_name_keeps_its_beginning_and_end() -> None:
    assert shortened("offers.csv", 20) == "offers.csv"
    assert shortened("a-very-long-name-of-offers.csv", 15) == "a-ver...ers.csv"
    assert len(shortened("x" * 100, 5)) <= 6


def test_only_what_can_be_seen_is_printed() -> None:
    assert printable("a\x1b[0m\r\nü €\u202e") == "a\\x1b[0m\\r\\nü €\\u202e"
