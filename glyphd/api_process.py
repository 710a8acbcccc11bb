"""One API process: the server around the application, and its background work."""

import socket
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from bottle import Bottle

from glyphd.api.access import AccessRule
from glyphd.api.app import guard_of, has_route
from glyphd.api.guard import Guard
from glyphd.application import build_site
from glyphd.backlog import LOOK_SECONDS, Backlog
from glyphd.db.connections import KEPT_SECONDS, KeptSqliteFile, open_registry
from glyphd.db.migration_sets import ARCHIVE, is_anything_there
from glyphd.db.standby_reads import open_reads
from glyphd.descriptors import raise_descriptor_limit
from glyphd.errors import NotReady
from glyphd.importing.registry import Registry
from glyphd.importing.source_states import SILENCE_LOOK_SECONDS
from glyphd.importing.status import STALL_LOOK_SECONDS
from glyphd.memory import RETURN_SECONDS, collect_rarely, return_free_memory, share_arenas
from glyphd.repeating import Repeating
from glyphd.scratch import use_scratch_folder
from glyphd.server import Rules, ServerLimits, run_server
from glyphd.services import build_services
from glyphd.settings import Settings
from glyphd.siblings.family import Siblings
from glyphd.siblings.shared_memory import Shape
from glyphd.stopping import Stop
from glyphd.tokens.known_tokens import RENEWAL_SECONDS
from glyphd.uploads import UploadStore
from glyphd.uploads.opening import open_uploads
from glyphd.uploads.store import HALF_RECEIVED_SECONDS, TIDY_SECONDS
from glyphd.web.problem_pages import RefusalPages

_LOOK_AT_DOORS_SECONDS = 0.02


def answer_requests(
    app: Bottle,
    settings: Settings,
    listener: socket.socket,
    *,
    siblings: Siblings,
    stop: Stop,
    on_ready: Callable[[str, int], None],
) -> None:
    """Serves the application on the socket until the stop, and finishes the answers in progress.

    `on_ready` gets the address and the port; clients that connect meanwhile wait.
    """
    collect_rarely()
    share_arenas()
    registry = Registry(open_registry(settings))
    backlog = Backlog(registry, settings.max_imports_waiting)
    guard = guard_of(app)
    with ExitStack() as running:
        running.callback(KeptSqliteFile.close_kept)
        for repeating in _background(registry, backlog, guard, open_uploads(settings)):
            running.enter_context(repeating)
        run_server(
            app,
            ServerLimits.from_settings(settings, siblings.count),
            listener,
            on_ready=on_ready,
            stop=stop.asked,
            rules=Rules(backlog.has_room, partial(guard.check_early, app), partial(has_route, app)),
            present=RefusalPages(AccessRule.from_settings(settings)),
            siblings=siblings,
        )


def run_sibling(settings: Settings, *, number: int, count: int, listener: int, memory: int) -> None:
    """One of several API processes, started by `glyphd serve`; `listener` and `memory` are the
    descriptors that it has inherited.

    Raises NotReady while the archive is missing: it may reappear, for example with its disk.
    """
    stop = Stop()
    stop.on_signals()
    stop.with_parent()
    raise_descriptor_limit()
    if not is_anything_there(settings, ARCHIVE):
        raise NotReady("the archive is missing")
    use_scratch_folder(settings)
    siblings = Siblings(Shape(count, settings.max_uploads_in_flight), memory, number)
    siblings.join()
    app = build_site(build_services(settings, open_reads(settings), siblings))

    def await_doors(_host: str, _port: int) -> None:
        while not siblings.is_open and not stop.asked.wait(_LOOK_AT_DOORS_SECONDS):
            pass

    with socket.socket(fileno=listener) as inherited:
        answer_requests(
            app, settings, inherited, siblings=siblings, stop=stop, on_ready=await_doors
        )


def _background(
    registry: Registry, backlog: Backlog, guard: Guard, uploads: UploadStore
) -> list[Repeating]:
    forget_unfinished = partial(uploads.forget_unfinished, HALF_RECEIVED_SECONDS)
    return [
        Repeating(backlog.refresh, LOOK_SECONDS, failure="backlog_unknown"),
        Repeating(KeptSqliteFile.close_stale, KEPT_SECONDS, failure="connections_kept"),
        Repeating(return_free_memory, RETURN_SECONDS, failure="memory_kept"),
        # Workers do these three too, but there may be none running, or none on this machine.
        Repeating(forget_unfinished, TIDY_SECONDS, failure="unfinished_uploads_left"),
        Repeating(registry.report_stalled, STALL_LOOK_SECONDS, failure="stalls_unknown"),
        Repeating(registry.report_silent, SILENCE_LOOK_SECONDS, failure="silences_unknown"),
        # So that the server's loop can refuse a body without waiting for a database.
        Repeating(guard.known.current, RENEWAL_SECONDS, failure="tokens_unknown"),
    ]
