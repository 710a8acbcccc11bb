"""What the library sends, and what it makes of the answers."""

import gzip
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from clients.python.tests.conftest import SAMPLES
from clients.python.tests.stubs import Scripted, Stub
from glyphd_client import (
    Client,
    FileRefused,
    ImportFailed,
    LocalFileError,
    NotFound,
    Refused,
    StillRunning,
    TryLater,
)

ACCEPTED = Scripted(202, {"import_id": "one", "status": "queued"})
DONE = {"status": "succeeded"}
ROW = b"model,price_usd,score\nL4,2400,0.9\n"


def test_a_pushed_file_is_imported(client: Client) -> None:
    done = client.push(SAMPLES / "scored_sample.csv", source="nightly", description="x").wait()
    assert (done.status, done.record_count, done.source, done.description, done.filename) == (
        "succeeded",
        24,
        "nightly",
        "x",
        "scored_sample.csv",
    )
    assert done.received_at is not None
    assert done.summary is not None
    assert done.summary.top_models[0].count == 3
    assert done.user_agent is not None
    assert done.user_agent.startswith("glyphd-client/")
    assert client.status(done.import_id) == done


def test_bytes_can_be_pushed(client: Client) -> None:
    done = client.push(ROW, filename="mine.csv").wait()
    assert (done.record_count, done.filename, done.content_encoding) == (1, "mine.csv", "gzip")


def test_options_reach_the_service(client: Client) -> None:
    csv = "Preis;model;Wertung;notes\n1.299,50;L4;0,9;x\n1,5;;0,9;y\n".encode("cp1252")
    done = client.push(
        b"# a preamble\n" + csv,
        skip_lines=1,
        delimiter=";",
        decimal="comma",
        encoding="cp1252",
        map=["price_usd:Preis", "score:Wertung", ":notes"],
        on_error="skip",
    ).wait()
    assert (done.record_count, done.error_count, done.encoding) == (1, 1, "cp1252")
    (listing,) = client.listings(import_id=done.import_id)
    assert (listing.price_usd, listing.score) == (1299.5, 0.9)


def test_a_dry_run_writes_nothing_and_can_be_run_for_real(client: Client) -> None:
    checked = client.push(b"model,price_usd,score\nDRY_1,1,1\n", dry_run=True).wait()
    assert (checked.dry_run, list(client.listings(model="DRY_1"))) == (True, [])
    assert client.retry(checked.import_id).wait().record_count == 1
    assert client.listings(model="DRY_1").count() == 1


def test_a_file_at_fault_says_which_rows(client: Client) -> None:
    with pytest.raises(ImportFailed) as caught:
        client.push(SAMPLES / "broken_sample.csv").wait()
    error = caught.value
    assert (error.code, error.detail) == ("invalid_rows", error.status.error.message)  # type: ignore[union-attr]
    assert [(row.line, row.column, row.code) for row in error.errors] == [
        (5, "price_usd", "not_a_number"),
        (11, "score", "not_a_number"),
        (17, "seen_at", "not_a_time"),
    ]
    assert list(client.errors(error.status.import_id)) == list(error.errors)


def test_the_report_is_saved_whole_or_not_at_all(client: Client, tmp_path: Path) -> None:
    pushed = client.push(SAMPLES / "broken_sample.csv")
    saved = client.report(pushed.import_id, tmp_path / "report.csv")
    assert saved.read_bytes().startswith(b"_line,_status,_errors,model")
    with pytest.raises(NotFound):
        client.report("nothing", tmp_path / "other.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["report.csv"]


def test_a_report_that_breaks_off_is_not_saved(stub: Stub, tmp_path: Path) -> None:
    stub.answer(Scripted(200, b"_line,_status", {"Content-Length": "1000"}))
    with pytest.raises(TryLater):
        Client(stub.address, retry_for=0).report("one", tmp_path / "report.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_can_never_be_imported_is_refused(client: Client) -> None:
    with pytest.raises(FileRefused) as caught:
        client.push(b"model,price\nL4,1\n")
    assert (caught.value.code, caught.value.status) == ("file_refused", 422)
    assert caught.value.problem["missing"] == ["score"]


def test_an_unknown_import_is_not_found(client: Client) -> None:
    with pytest.raises(NotFound) as caught:
        client.status("nothing?x=1")
    assert caught.value.code == "import_not_found"


def test_a_rollback_is_previewed_done_repeated_and_taken_back(client: Client) -> None:
    pushed = client.push(b"model,price_usd,score\nBACK_1,1,1\n")
    pushed.wait()
    assert client.rollback_effect(pushed.import_id).removed == 1
    assert client.listings(model="BACK_1").count() == 1
    gone = client.rollback(pushed.import_id, "wrong currency")
    assert gone.rolled_back_at is not None
    assert client.rollback(pushed.import_id).rolled_back_at == gone.rolled_back_at
    assert client.listings(model="BACK_1").count() == 0
    assert client.restore(pushed.import_id).rolled_back_at is None
    assert client.listings(model="BACK_1").count() == 1


def test_a_push_whose_import_was_rolled_back_does_not_pass_for_done(client: Client) -> None:
    csv = b"model,price_usd,score\nBACK_2,1,1\n"
    client.rollback(client.push(csv).wait().import_id)
    with pytest.raises(ImportFailed) as caught:
        client.push(csv).wait()
    assert caught.value.code == "rolled_back"


def test_the_key_is_the_same_for_equal_bytes_and_options(stub: Stub) -> None:
    stub.answer(ACCEPTED)
    client = Client(stub.address)
    for options in ({}, {"source": None, "on_error": "abort"}, {"gzip": False}):
        client.push(ROW, **{"gzip": False, **options})  # type: ignore[arg-type]
    client.push(ROW, gzip=False, filename="other.csv")
    client.push(ROW, gzip=False, source="x")
    client.push(ROW, gzip=False, key="mine")
    keys = [request.headers["Idempotency-Key"] for request in stub.received]
    assert len(set(keys[:4])) == 1
    assert len(set(keys)) == 3
    assert keys[-1] == "mine"


def test_a_packed_file_is_sent_as_it_is(stub: Stub, tmp_path: Path) -> None:
    stub.answer(ACCEPTED)
    path = tmp_path / "offers.csv.gz"
    path.write_bytes(gzip.compress(ROW))
    Client(stub.address).push(path)
    (request,) = stub.received
    assert request.body == path.read_bytes()
    assert request.headers["Content-Type"] == "application/gzip"
    assert dict(parse_qsl(urlsplit(request.target).query)) == {"filename": "offers.csv.gz"}


def test_an_import_that_failed_because_of_the_service_is_run_again(stub: Stub) -> None:
    failed = {
        "import_id": "one",
        "status": "failed",
        "error": {"code": "worker_lost", "message": ""},
    }
    replay = {"Idempotent-Replayed": "true"}
    stub.answer(
        Scripted(202, failed, replay),
        Scripted(202, {**failed, "import_id": "two"}, replay),
        Scripted(202, {"import_id": "three", "status": "queued"}),
    )
    assert Client(stub.address).push(ROW, gzip=False).import_id == "three"
    assert [
        (request.target, request.headers["Idempotency-Key"]) for request in stub.received[1:]
    ] == [
        ("/api/imports/one/retry", "retry-one"),
        ("/api/imports/two/retry", "retry-two"),
    ]


def test_a_reused_key_of_ones_own_is_refused(client: Client) -> None:
    client.push(ROW, key="k")
    with pytest.raises(Refused) as caught:
        client.push(ROW + b"L4,1,1\n", key="k")
    assert caught.value.code == "idempotency_key_reused"


def test_a_file_that_changes_while_it_is_sent_is_not_imported(
    client: Client, tmp_path: Path
) -> None:
    path = tmp_path / "offers.csv"
    path.write_bytes(ROW * 20_000)
    before = len(list(client.imports()))

    def change(sent: int, _total: int) -> None:
        if sent == 0:
            path.write_bytes(path.read_bytes().replace(b"2400", b"9999"))

    for is_packed in (True, False):
        with pytest.raises(LocalFileError, match="changed"):
            client.push(path, on_sent=change, gzip=is_packed)
        path.write_bytes(ROW * 20_000)
    assert len(list(client.imports())) == before


def test_a_file_that_is_not_there_is_a_local_error(client: Client, tmp_path: Path) -> None:
    with pytest.raises(LocalFileError, match="No such file"):
        client.push(tmp_path / "nothing.csv")


def test_waiting_ends_when_the_caller_says_so(stub: Stub) -> None:
    stub.answer(Scripted(200, {"import_id": "one", "status": "running", "progress": 0.5}))
    with pytest.raises(StillRunning) as caught:
        Client(stub.address).wait("one", timeout=0)
    assert caught.value.status.progress == 0.5


def test_progress_is_reported_until_the_end(client: Client) -> None:
    sent: list[tuple[int, int]] = []
    seen: list[float] = []
    data = ROW + b"L4,1,1\n" * 30_000
    pushed = client.push(data, on_sent=lambda done, total: sent.append((done, total)))
    pushed.wait(on_progress=lambda status: seen.append(status.progress))
    assert sent[0] == (0, len(data))
    assert sent[-1] == (len(data), len(data))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_a_cancelled_import_stays_cancelled(stub: Stub) -> None:
    final = Scripted(409, {"code": "import_final", "detail": "it has ended"})
    cancelled = Scripted(200, {"import_id": "one", "status": "cancelled"})
    stub.answer(cancelled, final, cancelled, final, Scripted(200, {**DONE, "import_id": "one"}))
    client = Client(stub.address)
    assert [client.cancel("one").status for _ in range(2)] == ["cancelled", "cancelled"]
    with pytest.raises(Refused, match="it has ended"):
        client.cancel("one")


def test_a_cancelled_import_is_no_success(stub: Stub) -> None:
    stub.answer(Scripted(200, {"import_id": "one", "status": "cancelled"}))
    with pytest.raises(ImportFailed) as caught:
        Client(stub.address).wait("one")
    assert caught.value.code == "cancelled"


def test_a_change_that_takes_long_is_waited_for(stub: Stub) -> None:
    stub.answer(
        Scripted(202, {**DONE, "import_id": "one"}), Scripted(200, {**DONE, "import_id": "two"})
    )
    assert Client(stub.address).rollback("one").import_id == "two"
    assert [request.target for request in stub.received] == ["/api/imports/one/rollback"] * 2
