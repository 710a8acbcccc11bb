"""`glyphd serve`: the HTTP server, and a worker that starts and ends with it."""

import signal
import socket
import time
from contextlib import ExitStack
from functools import partial
from importlib.metadata import version
from threading import Event

import click
import structlog
from bottle import Bottle

from glyphd.api.access import AccessRule
from glyphd.api.app import guard_of, has_route
from glyphd.api.guard import Guard
from glyphd.application import create_app
from glyphd.backlog import LOOK_SECONDS, Backlog
from glyphd.db.connections import open_registry
from glyphd.descriptors import raise_descriptor_limit
from glyphd.importing.registry import Registry
from glyphd.importing.source_states import SILENCE_LOOK_SECONDS
from glyphd.importing.status import STALL_LOOK_SECONDS
from glyphd.memory import collect_rarely, share_arenas
from glyphd.repeating import Repeating
from glyphd.scratch import use_scratch_folder
from glyphd.server import Rules, ServerLimits, listen, run_server
from glyphd.settings import Settings
from glyphd.supervisor import WorkerSupervisor
from glyphd.tokens.known_tokens import RENEWAL_SECONDS
from glyphd.uploads import UploadStore
from glyphd.uploads.opening import open_uploads
from glyphd.uploads.store import HALF_RECEIVED_SECONDS, TIDY_SECONDS
from glyphd.web.problem_pages import RefusalPages

WORKER_START_SECONDS = 10.0
LAST_SECONDS = 3.0
log = structlog.get_logger(__name__)

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_ANY_ADDRESS = ("0.0.0.0", "::")


def serve(settings: Settings, *, with_worker: bool) -> None:
    """Serves until SIGTERM or SIGINT, then finishes the answers in progress and the worker's job.

    Raises InvalidSettings if it can't listen, before anything is created.
    """
    raise_descriptor_limit()
    limits = ServerLimits.from_settings(settings)
    with listen(limits.host, limits.port) as listener:
        app = create_app(settings)
        use_scratch_folder(settings)
        _serve_on(listener, app, settings, with_worker=with_worker)


def _serve_on(
    listener: socket.socket, app: Bottle, settings: Settings, *, with_worker: bool
) -> None:
    stop = _Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop.ask)
    registry = Registry(open_registry(settings))
    supervisor = WorkerSupervisor(settings.child_environment()) if with_worker else None
    backlog = Backlog(registry, settings.max_imports_waiting)
    guard = guard_of(app)

    def ready(host: str, port: int) -> None:
        """Clients that connect meanwhile wait, so that the first upload finds a running worker."""
        if supervisor is not None:
            supervisor.start()
            _await_worker(registry, stop.asked)
        is_locked = guard.known.current().is_locked
        if not is_locked:
            write = log.info if host in _LOOPBACK else log.warning
            write("open_to_everybody", host=host, port=port)
        click.echo(greeting(settings, host, port, is_locked=is_locked))

    collect_rarely()
    share_arenas()
    with ExitStack() as running:
        if supervisor is not None:
            running.callback(_stop_worker, supervisor, stop, settings)
        for repeating in _background(registry, backlog, guard, open_uploads(settings)):
            running.enter_context(repeating)
        limits = ServerLimits.from_settings(settings)
        rules = Rules(backlog.has_room, partial(guard.check_early, app), partial(has_route, app))
        run_server(
            app,
            limits,
            listener,
            on_ready=ready,
            stop=stop.asked,
            rules=rules,
            present=RefusalPages(AccessRule.from_settings(settings)),
        )


def _background(
    registry: Registry, backlog: Backlog, guard: Guard, uploads: UploadStore
) -> list[Repeating]:
    forget_unfinished = partial(uploads.forget_unfinished, HALF_RECEIVED_SECONDS)
    return [
        Repeating(backlog.refresh, LOOK_SECONDS, failure="backlog_unknown"),
        # Workers do these three too, but none may be running, or none on this machine.
        Repeating(forget_unfinished, TIDY_SECONDS, failure="unfinished_uploads_left"),
        Repeating(registry.report_stalled, STALL_LOOK_SECONDS, failure="stalls_unknown"),
        Repeating(registry.report_silent, SILENCE_LOOK_SECONDS, failure="silences_unknown"),
        # So that the server's loop can refuse a body without waiting for a database.
        Repeating(guard.known.current, RENEWAL_SECONDS, failure="tokens_unknown"),
    ]


def _stop_worker(supervisor: WorkerSupervisor, stop: "_Stop", settings: Settings) -> None:
    supervisor.stop(stop.seconds_left(settings.grace_seconds))


class _Stop:
    """The request to stop, and when it came: API and worker share one grace period."""

    def __init__(self) -> None:
        self.asked = Event()
        self._since = 0.0

    def ask(self, *_: object) -> None:
        self._since = self._since or time.monotonic()
        self.asked.set()

    def seconds_left(self, grace_seconds: float) -> float:
        """What is left of the grace period; a worker always gets a short time."""
        passed = time.monotonic() - self._since if self._since else 0.0
        return max(grace_seconds - passed, LAST_SECONDS)


def _await_worker(registry: Registry, stop: Event) -> None:
    """Returns when a worker has sent a heartbeat, or after a while in any case."""
    deadline = time.monotonic() + WORKER_START_SECONDS
    while not registry.workers_alive() and time.monotonic() < deadline:
        if stop.wait(0.02):
            return


def greeting(settings: Settings, host: str, port: int, *, is_locked: bool = False) -> str:
    """The addresses of the page and the server, who may use it, where the data is, and what to try
    next."""
    at = f"http://{_in_url(host)}:{port}"
    data: object = settings.archive_path.absolute()
    if settings.database_url:
        data = settings.shown()["database_url"]
    sent = '-H "Authorization: Bearer $TOKEN" ' if is_locked else ""
    near = "localhost" if host in (*_LOOPBACK, *_ANY_ADDRESS) else _in_url(host)
    page = f"http://localhost:{port}" if host in _ANY_ADDRESS else at
    return (
        f"glyphd {version('glyphd')}: open {page} in a browser\n"
        f"listens on {at} ({_reach(host, is_locked=is_locked)})\n"
        f"data: {data}\n"
        f"try:  curl {sent}-F file=@sample/scored_sample.csv http://{near}:{port}/api/import\n"
        f'      curl {sent}"http://{near}:{port}/api/listings?limit=5"'
    )


def _reach(host: str, *, is_locked: bool) -> str:
    """Who can use it."""
    if is_locked:
        return "every request needs a token"
    if host in _LOOPBACK:
        return "only this machine can reach it, without a token; with --host 0.0.0.0 others can"
    return (
        "anyone who can reach this address can read and write: `glyphd token create` makes that "
        "need a token"
    )


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
