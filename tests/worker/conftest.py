"""A worker without its process: what it runs jobs with."""

from collections.abc import Callable
from threading import Event

import pytest

from glyphd.db.connections import open_archive
from glyphd.services import build_services
from glyphd.uploads import UploadStore
from tests.service import Service
from worker.context import WorkerContext

MakeContext = Callable[..., WorkerContext]


@pytest.fixture
def make_context(service: Service) -> MakeContext:
    """A worker's context on the service's data, with another upload store if one is given."""

    def make(uploads: UploadStore | None = None) -> WorkerContext:
        services = build_services(service.settings)
        services.uploads = uploads or services.uploads
        return WorkerContext(services, open_archive(service.settings, read_only=False), Event())

    return make


@pytest.fixture
def context(make_context: MakeContext) -> WorkerContext:
    return make_context()
