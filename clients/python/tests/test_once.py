"""The same file is one import: pushed twice, at once, and after every kind of crash."""

import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest

from clients.python.tests.commands import GLYPHD_PUSH, environment_for, run_push
from clients.python.tests.stubs import Wire
from glyphd_client import Client, PushedImport
from tests.e2e.processes import Process, data_in, many_offers, serving, until

ANSWERED = b"HTTP/1.1 202"


class Restarting:
    """A service that can be killed and started again at the same address."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._environment = data_in(folder)
        self._stack = stack
        self._port = "0"
        self.process = self.start()
        self.address = self.process.address
        self._port = self.address.rpartition(":")[2]

    def start(self, *words: str) -> Process:
        api = serving("--port", self._port, *words, environment=self._environment)
        self.process = self._stack.enter_context(api)
        return self.process

    def restart(self, *words: str) -> None:
        self.process.kill()
        self.start(*words)

    def imports(self) -> list[str]:
        with Client(self.address) as client:
            return [status.import_id for status in client.imports()]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Restarting]:
    with ExitStack() as stack:
        yield Restarting(tmp_path / "data", stack)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that gzip can't make small."""
    random = Random(1)
    rows = (
        f"RTX_4090,{random.random() * 9000},{random.random()},https://example.com/{number}\n"
        for number in range(8_000)
    )
    path = tmp_path / "offers.csv"
    path.write_text("model,price_usd,score,source_url\n" + "".join(rows))
    return path


def test_a_file_that_is_pushed_twice_is_one_import(service: Restarting, file: Path) -> None:
    client = Client(service.address)
    first = client.push(file, source="nightly")
    again = client.push(file, source="nightly")
    assert (again.import_id, first.is_replayed, again.is_replayed) == (
        first.import_id,
        False,
        True,
    )
    assert service.imports() == [first.import_id]


def test_a_file_that_is_packed_otherwise_is_the_same_import(
    service: Restarting, file: Path
) -> None:
    client = Client(service.address)
    packed, plain = client.push(file), client.push(file, gzip=False)
    assert (plain.import_id, plain.is_replayed) == (packed.import_id, True)


def test_other_bytes_or_options_are_another_import(service: Restarting, tmp_path: Path) -> None:
    client, path = Client(service.address), tmp_path / "offers.csv"
    path.write_bytes(many_offers(3))
    pushed = [client.push(path), client.push(path, source="a"), client.push(path, dry_run=True)]
    path.write_bytes(many_offers(4))
    pushed += [client.push(path), client.push(path, key="mine")]
    assert len({one.import_id for one in pushed}) == len(pushed)


def test_pushes_at_once_are_one_import(service: Restarting, file: Path) -> None:
    def push(_number: int) -> PushedImport:
        return Client(service.address).push(file)

    with ThreadPoolExecutor(8) as pool:
        pushed = list(pool.map(push, range(8)))
    assert {one.import_id for one in pushed} == set(service.imports())
    assert len(service.imports()) == 1


def test_a_lost_answer_makes_no_second_import(service: Restarting, file: Path) -> None:
    lost: list[bytes] = []

    def passes(block: bytes) -> bool:
        if lost or not block.startswith(ANSWERED):
            return True
        lost.append(block)
        return False

    with Wire(service.address) as wire:
        wire.passes = passes
        pushed = Client(wire.address).push(file)
    assert lost
    assert wire.connections == 2
    assert pushed.is_replayed
    assert service.imports() == [pushed.import_id]


def test_a_service_that_is_killed_before_its_answer_is_read_makes_no_second_import(
    service: Restarting, file: Path
) -> None:
    killed: list[bytes] = []

    def passes(block: bytes) -> bool:
        if killed or not block.startswith(ANSWERED):
            return True
        killed.append(block)
        service.restart()
        return False

    with Wire(service.address) as wire:
        wire.passes = passes
        pushed = Client(wire.address).push(file)
        done = pushed.wait()
    assert killed
    assert pushed.is_replayed
    assert (done.record_count, service.imports()) == (8_000, [pushed.import_id])


def test_a_service_that_is_killed_while_it_receives_gets_the_file_again(
    service: Restarting, file: Path
) -> None:
    killed: list[int] = []

    def kill(sent: int) -> None:
        if sent > 100_000 and not killed:
            killed.append(sent)
            service.restart()

    with Wire(service.address) as wire:
        wire.on_sent = kill
        pushed = Client(wire.address).push(file)
    assert killed
    assert pushed.wait().record_count == 8_000
    assert service.imports() == [pushed.import_id]


def test_waiting_goes_on_through_kills_and_restarts(service: Restarting, file: Path) -> None:
    service.restart("--no-worker")
    pushed = Client(service.address).push(file)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(pushed.wait)
        service.restart("--no-worker")
        service.restart()
        assert waiting.result().record_count == 8_000
    assert service.imports() == [pushed.import_id]


def test_a_client_that_is_killed_while_it_sends_can_push_again(
    service: Restarting, file: Path, tmp_path: Path
) -> None:
    def kill(sent: int) -> None:
        if sent > 100_000:
            popen.kill()
            raise ConnectionAbortedError  # the system would send the rest, which may be all

    with Wire(service.address) as wire:
        popen = subprocess.Popen([GLYPHD_PUSH, file], env=environment_for(wire.address))
        wire.on_sent = kill
        assert popen.wait() == -signal.SIGKILL
    assert service.imports() == []
    again = run_push(service.address, tmp_path, file, "--wait", "--json")
    assert again.exit_code == 0
    assert [again.json[0]["import"]["import_id"]] == service.imports()


def test_a_client_that_is_killed_while_it_waits_leaves_an_import_to_resume(
    service: Restarting, file: Path, tmp_path: Path
) -> None:
    popen = subprocess.Popen(
        [GLYPHD_PUSH, file, "--wait", "--quiet"], env=environment_for(service.address)
    )
    (import_id,) = until(service.imports)
    popen.kill()
    popen.wait()
    resumed = run_push(service.address, tmp_path, "resume", import_id)
    pushed = run_push(service.address, tmp_path, file, "--wait")
    assert (resumed.exit_code, pushed.exit_code) == (0, 0)
    assert service.imports() == [import_id]
