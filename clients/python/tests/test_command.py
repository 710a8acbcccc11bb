"""`glyphd-push` as scripts use it: exit codes, streams, JSON, reports."""

import gzip
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from clients.python.tests.commands import GLYPHD_PUSH, PushRun, environment_for, run_push
from clients.python.tests.conftest import SAMPLES
from clients.python.tests.stubs import Scripted, Stub
from glyphd_client.exit_codes import worst
from tests.e2e.processes import many_offers

Push = Callable[..., PushRun]
GOOD = SAMPLES / "scored_sample.csv"
BROKEN = SAMPLES / "broken_sample.csv"
RUNNING = Scripted(200, {"import_id": "one", "status": "running", "progress": 0.5})


def test_a_good_file_is_imported(push: Push) -> None:
    done = push(GOOD, "--source", "nightly", "--wait")
    assert (done.exit_code, done.err) == (0, "")
    assert "scored_sample.csv: imported 24 rows (" in done.out
    again = push(GOOD, "--source", "nightly", "--wait")
    assert (again.exit_code, again.out) == (0, done.out.replace("\n", " (pushed before)\n"))


def test_a_file_at_fault_shows_lines_and_columns(push: Push) -> None:
    done = push(BROKEN, "--wait")
    assert (done.exit_code, done.out) == (1, "")
    assert done.err.splitlines() == [
        f"{BROKEN}:5: price_usd is not a decimal number: $1,299.00",
        f"{BROKEN}:11: score is not a decimal number: nan",
        f"{BROKEN}:17: seen_at is not a time such as 2025-07-29T12:12:00Z: yesterday",
        f"{BROKEN}: not imported: 3 errors in 20 rows; nothing was written",
    ]


def test_bad_rows_can_be_skipped_and_their_file_saved(push: Push, tmp_path: Path) -> None:
    done = push(BROKEN, "--skip-bad-rows", "--wait", "--report", "report.csv")
    assert done.exit_code == 0
    assert "imported 17 rows, 3 left out" in done.out
    assert (tmp_path / "report.csv").read_bytes().count(b",error,") == 3


def test_a_check_writes_nothing(push: Push, tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_bytes(b"model,price_usd,score\nCHECKED,1,1\n")
    done = push("one.csv", "--check")
    assert (done.exit_code, "checked 1 row" in done.out) == (0, True)
    assert push("one.csv", "--wait", "--json").json[0]["replayed"] is False


def test_a_file_that_is_no_csv_is_at_fault(push: Push, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("model,price\nL4,1\n")
    done = push("a.csv")
    assert done.exit_code == 1
    assert "missing column" in done.err


def test_json_is_one_object_for_each_file(push: Push) -> None:
    done = push(GOOD, BROKEN, "--json", "--wait")
    assert done.exit_code == 1
    good, broken = done.json
    assert (good["exit_code"], good["import"]["record_count"], good["error"]) == (0, 24, None)
    assert (broken["exit_code"], broken["error"]["code"]) == (1, "invalid_rows")
    assert broken["import"]["errors"][0]["line"] == 5
    assert done.err == ""


def test_several_files_end_with_a_summary_and_the_worst_exit_code(
    push: Push, tmp_path: Path
) -> None:
    done = push(BROKEN, GOOD, "--wait", "--report", "reports")
    assert (done.exit_code, done.err.splitlines()[-1]) == (1, "1 of 2 files succeeded")
    (report,) = (tmp_path / "reports").iterdir()
    assert report.name.startswith("broken_sample.")


@pytest.mark.parametrize(
    ("codes", "code"),
    [((), 0), ((0, 69), 69), ((75, 69, 0), 75), ((1, 75), 1), ((2, 1, 75), 2)],
)
def test_what_needs_a_person_is_worse_than_what_passes(codes: tuple[int, ...], code: int) -> None:
    assert worst(codes) == code


def test_stdin_is_pushed(push: Push) -> None:
    done = push("-", "--wait", "--json", stdin=many_offers(5))
    assert done.json[0]["import"]["filename"] == "stdin.csv"
    packed = push(
        "-", "--wait", "--json", "--filename", "a.gz", stdin=gzip.compress(many_offers(6))
    )
    assert packed.json[0]["import"]["record_count"] == 6


def test_without_waiting_an_unfinished_import_is_69(stub: Stub, tmp_path: Path) -> None:
    stub.answer(Scripted(202, RUNNING.body), RUNNING)
    done = run_push(stub.address, tmp_path, GOOD, "--no-gzip")
    assert (done.exit_code, "import one is running, 50% done" in done.out) == (69, True)
    assert run_push(stub.address, tmp_path, GOOD, "--no-gzip", "--timeout", "0").exit_code == 69
    assert run_push(stub.address, tmp_path, "status", "one").exit_code == 69
    assert run_push(stub.address, tmp_path, "resume", "one", "--timeout", "0").exit_code == 69


def test_a_busy_service_is_75(stub: Stub, tmp_path: Path) -> None:
    stub.answer(Scripted(503, {"code": "storage_full", "detail": "the disk is full"}))
    done = run_push(stub.address, tmp_path, GOOD, "--no-gzip", "--retry-for", "0.6")
    assert done.exit_code == 75
    assert "answers 503: the disk is full; trying again" in done.err
    assert done.err.count("trying again") == 1
    assert len(stub.received) > 1


def test_a_service_that_is_not_there_is_75_and_the_rest_is_not_tried(tmp_path: Path) -> None:
    done = run_push("http://127.0.0.1:1", tmp_path, GOOD, BROKEN, "--retry-for", "0")
    assert done.exit_code == 75
    assert "connection refused" in done.err
    assert "0 of 2 files succeeded, 1 not sent" in done.err


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("nothing.csv",),
        (GOOD, "--url", "nowhere"),
        (GOOD, "--delimiter", "x"),
        (GOOD, BROKEN, "--key", "k"),
        (GOOD, "--encoding", "utf-99"),
        ("status", "unknown"),
        ("resume",),
        ("rollback", "unknown"),
    ],
)
def test_wrong_use_is_2(push: Push, words: tuple[str | Path, ...]) -> None:
    done = push(*words)
    assert (done.exit_code, bool(done.err)) == (2, True)
    assert "Traceback" not in done.err


def test_a_wrong_token_is_2_and_is_not_shown(stub: Stub, tmp_path: Path) -> None:
    refused = {"code": "insufficient_scope", "detail": "needs the scope write"}
    stub.answer(Scripted(403, refused))
    words = (GOOD, BROKEN, "--no-gzip")
    done = run_push(stub.address, tmp_path, *words, GLYPHD_TOKEN="secret")
    assert (done.exit_code, len(stub.received)) == (2, 1)
    assert stub.received[0].headers["Authorization"] == "Bearer secret"
    assert "needs the scope write" in done.err
    assert "secret" not in done.err + done.out


def test_an_import_is_followed_by_its_id(push: Push) -> None:
    import_id = push(BROKEN, "--json").json[0]["import"]["import_id"]
    status = push("status", import_id)
    assert (status.exit_code, push("resume", import_id).exit_code) == (1, 1)
    listed = push("errors", import_id, "--report", "r.csv")
    assert listed.exit_code == 0
    assert listed.out.splitlines()[0] == (
        "broken_sample.csv:5: price_usd is not a decimal number: $1,299.00"
    )
    errors = [json.loads(line) for line in push("errors", import_id, "--json").out.splitlines()]
    assert [error["line"] for error in errors] == [5, 11, 17]


def test_an_import_is_rolled_back_and_restored(push: Push, tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_bytes(b"model,price_usd,score\nROLLED,1,1\n")
    import_id = push("one.csv", "--json", "--wait").json[0]["import"]["import_id"]
    foreseen = push("rollback", import_id, "--check")
    assert (foreseen.exit_code, "would have 1 removed" in foreseen.out) == (0, True)
    assert push("rollback", import_id, "--reason", "mistake").exit_code == 0
    assert push("rollback", import_id).exit_code == 0
    again = push("one.csv", "--wait")
    assert (again.exit_code, "was rolled back" in again.err) == (1, True)
    assert push("restore", import_id, "--json").json[0]["rolled_back_at"] is None
    assert push("status", import_id).exit_code == 0


def test_what_a_file_says_is_never_obeyed_by_a_terminal(push: Push, tmp_path: Path) -> None:
    (tmp_path / "evil.csv").write_bytes("model,price_usd,score\nL4,\x1b[2J\u202e9,1\n".encode())
    done = push("evil.csv", "--wait")
    assert done.exit_code == 1
    assert "\\x1b[2J\\u202e9" in done.err
    assert done.err.isascii()


def test_a_name_of_a_file_may_be_any_bytes(push: Push, tmp_path: Path) -> None:
    name = tmp_path / "offers-\udcff.csv"
    name.write_bytes(many_offers(2))
    assert push(name, "--wait").exit_code == 0


def test_markup_in_names_is_text(push: Push, tmp_path: Path) -> None:
    name = tmp_path / "[bold]offers.csv"
    name.write_bytes(many_offers(3))
    assert "[bold]offers.csv: imported" in push(name, "--wait").out


def test_a_file_with_the_name_of_a_command_is_named_by_its_path(push: Push, tmp_path: Path) -> None:
    (tmp_path / "status").write_bytes(many_offers(4))
    assert push("./status", "--wait").exit_code == 0


def test_help_lists_options_commands_and_exit_codes(push: Push) -> None:
    printed = push("--help").out
    for word in ("--skip-bad-rows", "GLYPHD_TOKEN", "resume", "rollback", "69", "75"):
        assert word in printed
    assert push("--version").out.startswith("glyphd-push, version ")


def test_a_closed_pipe_ends_quietly(address: str) -> None:
    command = f"'{GLYPHD_PUSH}' '{BROKEN}' --json | true"
    done = subprocess.run(
        ["sh", "-c", command], env=environment_for(address), capture_output=True, check=False
    )
    assert b"Traceback" not in done.stderr
