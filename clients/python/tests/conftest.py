"""The service that the client is tested against: a real one, with its worker, over HTTP."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clients.python.tests.commands import PushRun, run_push
from clients.python.tests.stubs import Stub
from glyphd_client import Client
from tests.e2e.processes import data_in, readiness, serving, until

SAMPLES = Path(__file__).parents[3] / "sample"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service that is ready; one for each module."""
    with serving(environment=data_in(tmp_path_factory.mktemp("service") / "data")) as api:
        until(lambda: readiness(api.address)["status"] == "ready")
        yield api.address


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(address) as client:
        yield client


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A server that answers as a test says."""
    with Stub() as stub:
        yield stub


@pytest.fixture
def push(address: str, tmp_path: Path) -> Callable[..., PushRun]:
    """Runs `glyphd-push` with these words against the service."""
    return lambda *words, **given: run_push(address, tmp_path, *words, **given)
