"""A server for each test, with limits that keep the test short."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIApplication

import pytest

from glyphd.server import Rules, ServerLimits
from glyphd.server.admission import NO_RULES
from tests.server.apps import LARGE, Sending, counting
from tests.server.wire import RunningServer, Serve


@pytest.fixture
def limits(tmp_path: Path) -> ServerLimits:
    return ServerLimits(
        host="127.0.0.1",
        port=0,
        threads=2,
        max_body_bytes=4 << 20,
        scratch_dir=tmp_path,
        grace_seconds=5,
        disk_reserve_bytes=0,
    )


@pytest.fixture
def serve(limits: ServerLimits, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Starts a server: `serve(app, idle_timeout=1)` changes a limit, `on_ready=` is called before
    the first turn."""
    monkeypatch.setattr(tempfile, "tempdir", str(limits.scratch_dir))
    servers: list[RunningServer] = []

    def start(
        app: WSGIApplication = counting,
        on_ready: Callable[[RunningServer], None] | None = None,
        rules: Rules = NO_RULES,
        **changes: Any,
    ) -> RunningServer:
        servers.append(RunningServer(app, replace(limits, **changes), on_ready, rules))
        return servers[-1]

    yield start
    for server in servers:
        server.finish()


@pytest.fixture
def sending(tmp_path: Path) -> Sending:
    """An app whose answers are too large to be sent before they are read."""
    return Sending(tmp_path, LARGE)
