"""What a turn of the loop has time for: all heads, and a moment for bodies and answers. Connections
that were skipped come first in the next turn."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from waitress.adjustments import Adjustments

from glyphd.server import ServerLimits
from glyphd.server.admission import Admission
from glyphd.server.channels import Channel, channel_class
from glyphd.server.sharing import Turn
from tests.server.wire import post

HEAD = post(1000)
MIB = 1 << 20


class Spent(Turn):
    """A turn without any time left."""

    def has_time(self) -> bool:
        return False


@dataclass
class Loop:
    """Connections in the order in which the loop would handle them, with the clients' ends."""

    channel_class: type[Channel]
    stack: ExitStack
    channels: dict[int, Any] = field(default_factory=dict)

    def connect(self, sent: bytes) -> tuple[Any, socket.socket]:
        near, far = (self.stack.enter_context(end) for end in socket.socketpair())
        server: Any = SimpleNamespace(active_channels={})
        channel = self.channel_class(server, near, ("test", 0), Adjustments(), self.channels)
        if sent:
            far.sendall(sent)
            channel.handle_read_event()
        return channel, far


@pytest.fixture
def loop(limits: ServerLimits) -> Iterator[Loop]:
    with ExitStack() as stack:
        loop = Loop(channel_class(Admission(limits)), stack)
        yield loop
        for channel in list(loop.channels.values()):
            channel.handle_close()


def _received(channel: Any) -> int:
    return int(channel.request.body_bytes_received)


def test_a_head_is_read_and_a_body_waits_when_a_turn_has_no_time_left(loop: Loop) -> None:
    loop.channel_class.turn = Spent()
    channel, client = loop.connect(HEAD)
    assert _received(channel) == 0
    client.sendall(b"x" * 10)
    channel.handle_read_event()
    assert _received(channel) == 0
    loop.channel_class.turn = Turn()
    channel.handle_read_event()
    assert _received(channel) == 10


def test_whose_body_was_read_goes_behind_the_others(loop: Loop) -> None:
    (first, client), (second, _) = loop.connect(HEAD), loop.connect(HEAD)
    client.sendall(b"x")
    first.handle_read_event()
    assert list(loop.channels.values()) == [second, first]


def test_an_answer_waits_when_a_turn_has_no_time_left(loop: Loop) -> None:
    channel, client = loop.connect(b"")
    channel.outbufs[-1].append(b"answer")
    channel.total_outbufs_len = 6
    loop.channel_class.turn = Spent()
    channel.handle_write_event()
    loop.channel_class.turn = Turn()
    assert channel.total_outbufs_len == 6
    channel.handle_write_event()
    assert client.recv(10) == b"answer"


def test_a_reader_that_takes_all_gets_a_part_at_a_time(loop: Loop) -> None:
    """Even if the reader is as fast as the kernel on the same machine."""
    channel, _ = loop.connect(b"")
    sizes: list[int] = []

    def send(data: bytes) -> int:
        sizes.append(len(data))
        return len(data)

    real, channel.socket = channel.socket, SimpleNamespace(send=send)
    channel.outbufs[-1].append(b"x" * 8 * MIB)
    channel.total_outbufs_len = 8 * MIB
    channel.handle_write_event()
    assert MIB <= sum(sizes) < 2 * MIB
    channel.handle_write_event()
    assert 2 * MIB <= sum(sizes) < 4 * MIB
    channel.socket = real


def test_a_turn_has_time_for_a_moment_from_the_first_thing_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("glyphd.server.sharing.time", SimpleNamespace(monotonic=lambda: now))
    turn = Turn()
    turn.begin()
    now = 200.0
    assert turn.has_time()
    now += 0.019
    assert turn.has_time()
    now += 0.002
    assert not turn.has_time()
    turn.begin()
    assert turn.has_time()
