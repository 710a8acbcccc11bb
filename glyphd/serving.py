"""`glyphd serve`: one API process or several, and a worker that starts and ends with them."""

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack

import click
import structlog

from glyphd.cores import available_cores
from glyphd.db.connections import close_all, open_registry
from glyphd.descriptors import raise_descriptor_limit
from glyphd.greeting import LOOPBACK, greeting
from glyphd.importing.registry import Registry
from glyphd.listener import listen
from glyphd.private_files import make_folder
from glyphd.scratch import own_results_folder
from glyphd.settings import Settings
from glyphd.siblings.family import Siblings, alone, found_family
from glyphd.stopping import Stop
from glyphd.supervisor import Child, ChildSupervisor, worker_in
from glyphd.tokens.known_tokens import KnownTokens
from glyphd.uploads.opening import prepare_ledger
from glyphd.worker_package import python

MOST_PROCESSES = 4
"""The most API processes by default: the archive's writer and the database need cores too."""

START_SECONDS = 10.0
"""How long clients wait for a worker, and the greeting for the API processes."""

_LOOK_SECONDS = 0.02
_LATE_SECONDS = 2.0
"""The time that an API process needs after its grace period."""

log = structlog.get_logger(__name__)


def serve(settings: Settings, *, with_worker: bool) -> None:
    """Serves until SIGTERM or SIGINT, then finishes the answers in progress and the worker's job.

    Raises InvalidSettings if it can't listen, before anything is created.
    """
    raise_descriptor_limit()
    count = settings.processes or min(available_cores(), MOST_PROCESSES)
    with listen(settings.host, settings.port) as listener:
        run = _serve_alone if count == 1 else _serve_with_siblings
        run(listener, settings, count, with_worker=with_worker)


class _Service:
    """The parts that exist once, however many API processes there are."""

    def __init__(self, settings: Settings, *, with_worker: bool) -> None:
        self.settings = settings
        self.stop = Stop()
        self.stop.on_signals()
        self._registry = Registry(open_registry(settings))
        child = worker_in(settings.child_environment())
        self._worker = ChildSupervisor(child) if with_worker else None

    def start_worker(self) -> None:
        """Returns when the worker has sent a heartbeat, or after a while in any case."""
        if self._worker is not None:
            self._worker.start()
            self.wait_for(lambda: self._registry.workers_alive() > 0)
            close_all(self._registry.database)

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Returns when it is true, after START_SECONDS, or at a stop."""
        deadline = time.monotonic() + START_SECONDS
        while not condition() and time.monotonic() < deadline:
            if self.stop.asked.wait(_LOOK_SECONDS):
                return

    def greet(self, host: str, port: int, *, is_locked: bool) -> None:
        """Reports that the service is ready."""
        if not is_locked:
            write = log.info if host in LOOPBACK else log.warning
            write("open_to_everybody", host=host, port=port)
        click.echo(greeting(self.settings, host, port, is_locked=is_locked))

    def end(self) -> None:
        """Stops the worker, within what is left of the grace period."""
        if self._worker is not None:
            self._worker.stop(self.stop.seconds_left(self.settings.grace_seconds))


def _serve_alone(
    listener: socket.socket, settings: Settings, _count: int, *, with_worker: bool
) -> None:
    """This process answers the requests."""
    from glyphd.api.app import guard_of
    from glyphd.api_process import answer_requests
    from glyphd.application import create_app
    from glyphd.scratch import use_scratch_folder

    siblings = alone(settings.max_uploads_in_flight)
    app = create_app(settings, siblings)
    use_scratch_folder(settings)
    service = _Service(settings, with_worker=with_worker)
    guard = guard_of(app)

    def on_ready(host: str, port: int) -> None:
        """Clients that connect meanwhile wait, so that the first upload finds a running worker."""
        service.start_worker()
        service.greet(host, port, is_locked=guard.known.current().is_locked)

    with ExitStack() as running:
        running.callback(service.end)
        answer_requests(
            app, settings, listener, siblings=siblings, stop=service.stop, on_ready=on_ready
        )


def _serve_with_siblings(
    listener: socket.socket, settings: Settings, count: int, *, with_worker: bool
) -> None:
    """Child processes answer the requests. This one only watches them: it is small and has no
    clients, so a system without memory kills it last."""
    prepare_ledger(settings)
    make_folder(settings.scratch_dir)
    service = _Service(settings, with_worker=with_worker)
    is_locked = _first_look_at_tokens(settings)
    siblings = found_family(count, settings.max_uploads_in_flight)
    with ExitStack() as running:
        folder = running.enter_context(own_results_folder(settings, siblings.id))
        running.callback(service.end)
        inherited = (listener.fileno(), siblings.descriptor, folder)
        children = [
            ChildSupervisor(_sibling(settings, siblings, number, inherited))
            for number in range(count)
        ]
        running.callback(_end_all, children, service, listener)
        for child in children:
            child.start()
        service.start_worker()
        siblings.open_doors()
        service.wait_for(lambda: siblings.listening() == count)
        host, port = listener.getsockname()[:2]
        service.greet(host, port, is_locked=is_locked)
        service.stop.asked.wait()


def _sibling(
    settings: Settings, siblings: Siblings, number: int, inherited: tuple[int, int, int]
) -> Child:
    """The process with this number. It is always restarted: settings and schema were right when the
    service began."""
    listener, memory, _ = inherited
    numbers = (number, siblings.count, listener, memory)
    return Child(
        "api_process",
        (*python(), "-m", "glyphd", "api-process", *map(str, numbers)),
        settings.child_environment(),
        descriptors=inherited,
        facts={"process": number},
        on_end=lambda: siblings.bury(number),
    )


def _end_all(children: list[ChildSupervisor], service: _Service, listener: socket.socket) -> None:
    """They drain at the same time, each within the grace period."""
    for child in children:
        child.ask_to_stop()
    # A client that connects after they have stopped listening would wait forever.
    listener.close()
    for child in children:
        child.stop(service.stop.seconds_left(service.settings.grace_seconds) + _LATE_SECONDS)


def _first_look_at_tokens(settings: Settings) -> bool:
    """Whether requests need a token. Raises InvalidSettings for a tokens file that can't be
    used."""
    registry = Registry(open_registry(settings))
    tokens = KnownTokens(registry.database, settings.tokens_file, registry.connected)
    tokens.start()
    is_locked = tokens.current().is_locked
    close_all(registry.database)
    return is_locked
