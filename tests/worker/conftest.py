"""A worker's context for running jobs, without its process."""

from collections.abc import Callable, Iterator
from threading import Event

import pytest

from glyphd.db.connections import close_all, open_archive
from glyphd.services import build_services
from glyphd.uploads import UploadStore
from tests.service import Service, close_services
from worker.context import WorkerContext

MakeContext = Callable[..., WorkerContext]


@pytest.fixture
def make_context(service: Service) -> Iterator[MakeContext]:
    """A worker's context on the service's data, with another upload store if one is given."""
    made: list[WorkerContext] = []

    def make(uploads: UploadStore | None = None) -> WorkerContext:
        services = build_services(service.settings)
        services.uploads = uploads or services.uploads
        archive = open_archive(service.settings, read_only=False)
        made.append(WorkerContext(services, archive, Event()))
        return made[-1]

    yield make
    for context in made:
        context.reader.close()
        close_all(context.archive)
        close_services(context.services)


@pytest.fixture
def context(make_context: MakeContext) -> WorkerContext:
    return make_context()
